"""Caches replies in the memory of the process."""
