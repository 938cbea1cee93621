"""Ollama as a provider."""

from nova_plugin_ollama.provider import Ollama

plugin = Ollama()
