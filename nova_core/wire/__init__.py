"""Wire formats: parsing and rendering, no I/O."""
