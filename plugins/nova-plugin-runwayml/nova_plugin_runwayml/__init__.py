"""Runway as a provider."""

from nova_plugin_runwayml.provider import Runway

plugin = Runway()
