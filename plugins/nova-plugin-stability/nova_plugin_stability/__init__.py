"""Stability AI as a provider."""

from nova_plugin_stability.provider import Stability

plugin = Stability()
