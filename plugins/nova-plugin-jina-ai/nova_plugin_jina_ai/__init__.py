"""Jina AI as a provider."""

from nova_plugin_jina_ai.provider import Jina

plugin = Jina()
