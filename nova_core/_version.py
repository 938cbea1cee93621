"""The version of the core and of every plugin that lives beside it."""

__version__ = "0.1.0"
