"""Plugins: found as metadata, loaded when named, compiled into what runs."""
