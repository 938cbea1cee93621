"""The documentation is part of the product: its examples run, its tables come from the code."""
