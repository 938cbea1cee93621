"""Cohere as a provider."""

from nova_plugin_cohere.provider import Cohere

plugin = Cohere()
