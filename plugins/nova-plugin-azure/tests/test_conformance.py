"""Azure's providers do what every provider must do."""

from __future__ import annotations

from typing import ClassVar

from nova_core.testing import UpstreamConformance
from nova_plugin_azure import foundry, plugin, text_completion


class TestAzure(UpstreamConformance):
    plugin = plugin
    provider = "azure"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "gpt-4o"
    embedding_model = "text-embedding-3-small"
    api_path = ""
    key_env = "AZURE_API_KEY"


class TestVersionOne(TestAzure):
    api_path = "/openai/v1"


class TestReasoningModel(TestAzure):
    model = "any-name"
    settings: ClassVar = {"info": {"base_model": "azure/o4-mini"}}
    unsupported = ("temperature", 0.3)


class TestTextCompletion(UpstreamConformance):
    plugin = text_completion
    provider = "azure_text"
    operations = frozenset({"chat", "completion"})
    model = "gpt-35-turbo-instruct"
    api_path = ""
    key_env = "AZURE_API_KEY"
    calls_tools = False
    unsupported = ("top_k", 5)


class TestFoundry(UpstreamConformance):
    plugin = foundry
    provider = "azure_ai"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "mistral-large"
    embedding_model = "embed-v-4-0"
    api_path = "/models"
    key_env = "AZURE_AI_API_KEY"


class TestClaudeOnFoundry(UpstreamConformance):
    plugin = foundry
    provider = "azure_ai"
    operations = frozenset({"chat", "completion", "count_tokens"})
    model = "claude-sonnet-4-5"
    api_path = "/anthropic"
    key_env = "AZURE_AI_API_KEY"
    unsupported = ("logit_bias", {"50256": -100})
