"""Voyage AI as a provider."""

from nova_plugin_voyage.provider import Voyage

plugin = Voyage()
