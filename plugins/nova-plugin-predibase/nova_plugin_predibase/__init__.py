"""Predibase as a provider."""

from nova_plugin_predibase.provider import Predibase

plugin = Predibase()
