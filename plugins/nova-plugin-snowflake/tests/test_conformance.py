"""Snowflake's provider does what every provider must do."""

from __future__ import annotations

from typing import Any

from nova_core.testing import UpstreamConformance
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_replies import Said, Shape, shape_for, unit_vector
from nova_plugin_snowflake import plugin


def embedded(said: Said) -> dict[str, Any]:
    """The vendor's words: each vector in a list of its own."""
    data = [
        {"object": "embedding", "index": place, "embedding": [unit_vector(text, 8)]}
        for place, text in enumerate(said.body["text"])
    ]
    return {"object": "list", "data": data, "model": said.model, "usage": {"total_tokens": 5}}


class TestSnowflake(UpstreamConformance):
    plugin = plugin
    provider = "snowflake"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "llama4-maverick"
    embedding_model = "snowflake-arctic-embed-m"
    api_path = ""
    key_env = "SNOWFLAKE_JWT"
    shapes = (("/inference:embed", Shape(embedded, shape_for("/embeddings").error)),)

    def inputs(self, received: Received) -> list[Any]:
        items: list[Any] = received.json["text"]
        return items


class TestClaude(UpstreamConformance):
    plugin = plugin
    provider = "snowflake"
    operations = frozenset({"chat", "completion"})
    model = "claude-sonnet-4-5"
    api_path = "/api/v2/cortex/v1"
    key_env = "SNOWFLAKE_PAT"
    unsupported = ("logit_bias", {"50256": -100})
