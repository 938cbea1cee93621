"""AI Studio's provider does what every provider must do."""

from __future__ import annotations

from typing import Any

from nova_core.testing import UpstreamConformance
from nova_core.testing.upstream_http import Received
from nova_plugin_gemini import plugin


class TestGemini(UpstreamConformance):
    plugin = plugin
    provider = "gemini"
    operations = frozenset({"chat", "completion", "count_tokens", "embedding"})
    model = "gemini-3.5-flash"
    embedding_model = "gemini-embedding-001"
    api_path = "/v1beta"
    key_env = "GEMINI_API_KEY"
    unsupported = ("logit_bias", {"50256": -100})

    def inputs(self, received: Received) -> list[Any]:
        return [request["content"]["parts"][0]["text"] for request in received.json["requests"]]
