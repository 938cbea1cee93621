"""Databricks' provider does what every provider must do."""

from __future__ import annotations

from typing import ClassVar

from nova_core.testing import UpstreamConformance
from nova_plugin_databricks import plugin


class TestDatabricks(UpstreamConformance):
    plugin = plugin
    provider = "databricks"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "databricks-llama-4-maverick"
    embedding_model = "databricks-gte-large-en"
    api_path = "/serving-endpoints"
    key_env = "DATABRICKS_TOKEN"


class TestClaude(UpstreamConformance):
    plugin = plugin
    provider = "databricks"
    operations = frozenset({"chat", "completion"})
    model = "databricks-claude-sonnet-4-5"
    api_path = ""
    unsupported = ("logit_bias", {"50256": -100})


class TestClaudeThroughChat(UpstreamConformance):
    plugin = plugin
    provider = "databricks"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "claude-through-chat"
    settings: ClassVar = {"settings": {"use_chat_completions_api": True}}
