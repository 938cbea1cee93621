"""Tests of the core, of the house rules, and end to end."""
