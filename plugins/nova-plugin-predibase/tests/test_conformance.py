"""Predibase's provider does what every provider must do."""

from __future__ import annotations

from typing import Any

from nova_core.testing import UpstreamConformance
from nova_core.testing.upstream_http import Received
from nova_plugin_predibase import plugin


class TestPredibase(UpstreamConformance):
    plugin = plugin
    provider = "predibase"
    operations = frozenset({"chat", "completion"})
    model = "qwen3-8b"
    api_path = "/tenant-1"
    key_env = "PREDIBASE_API_TOKEN"
    unsupported = ("logit_bias", {"50256": -100})

    def now(self, **answer: Any) -> None:
        self.upstream.forget().script("*", **{"usage_unasked": self.usage_unasked, **answer})

    def asked_model(self, received: Received) -> str:
        return received.route.split("/")[5]
