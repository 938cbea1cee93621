"""Replicate as a provider."""

from nova_plugin_replicate.provider import Replicate

plugin = Replicate()
