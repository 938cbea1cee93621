"""`nova plugin`: for those who write plugins."""
