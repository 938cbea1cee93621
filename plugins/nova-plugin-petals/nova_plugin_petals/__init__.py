"""Petals as a provider."""

from nova_plugin_petals.provider import Petals

plugin = Petals()
