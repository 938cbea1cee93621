"""Anthropic's provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_anthropic import plugin


class TestAnthropic(UpstreamConformance):
    plugin = plugin
    provider = "anthropic"
    operations = frozenset({"chat", "completion", "count_tokens"})
    model = "claude-sonnet-4-5"
    api_path = ""
    key_env = "ANTHROPIC_API_KEY"
    unsupported = ("logit_bias", {"50256": -100})
