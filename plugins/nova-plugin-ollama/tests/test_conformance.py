"""Ollama's provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_ollama import plugin


class TestOllama(UpstreamConformance):
    plugin = plugin
    provider = "ollama"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "llama3.2"
    embedding_model = "nomic-embed-text"
    api_path = ""
    key_env = "OLLAMA_API_KEY"
    unsupported = ("logit_bias", {"50256": -100})


class TestOllamaChat(TestOllama):
    provider = "ollama_chat"
    model = "gpt-oss:20b"
    api_path = "/api"
