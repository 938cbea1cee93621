"""OpenAI's providers do what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_openai import plugin, text_completion


class TestOpenAI(UpstreamConformance):
    plugin = plugin
    provider = "openai"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "gpt-4o"
    embedding_model = "text-embedding-3-small"
    key_env = "OPENAI_API_KEY"


class TestReasoningModel(TestOpenAI):
    model = "o4-mini"
    unsupported = ("temperature", 0.3)


class TestTextCompletion(UpstreamConformance):
    plugin = text_completion
    provider = "text-completion-openai"
    operations = frozenset({"chat", "completion"})
    model = "gpt-3.5-turbo-instruct"
    key_env = "OPENAI_API_KEY"
    calls_tools = False
    unsupported = ("top_k", 5)
