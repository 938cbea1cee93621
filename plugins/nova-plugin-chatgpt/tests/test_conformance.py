"""ChatGPT's provider does what every provider must do."""

from __future__ import annotations

from nova_core.testing import UpstreamConformance
from nova_plugin_chatgpt import plugin


class TestChatgpt(UpstreamConformance):
    plugin = plugin
    provider = "chatgpt"
    operations = frozenset({"chat", "completion"})
    model = "gpt-5.4"
    api_path = "/backend-api/codex"
    unsupported = ("temperature", 0.3)
