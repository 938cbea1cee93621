"""Topaz Labs as a provider."""

from nova_plugin_topaz.provider import Topaz

plugin = Topaz()
