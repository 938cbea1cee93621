"""Vertex AI's families of models do what every provider must do."""

from __future__ import annotations

from typing import Any

from nova_core.testing import UpstreamConformance
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_replies import shape_for
from nova_plugin_vertex_ai import plugin

CHAT = shape_for("/chat/completions")
PLACE = "/v1/projects/my-project/locations/us-central1"


class TestGeminiOnVertex(UpstreamConformance):
    plugin = plugin
    provider = "vertex_ai"
    operations = frozenset({"chat", "completion", "count_tokens", "embedding"})
    model = "gemini-2.5-flash"
    embedding_model = "gemini-embedding-2"
    api_path = PLACE
    unsupported = ("logit_bias", {"50256": -100})

    def inputs(self, received: Received) -> list[Any]:
        return [request["content"]["parts"][0]["text"] for request in received.json["requests"]]


class TestTextEmbeddingsOnVertex(UpstreamConformance):
    plugin = plugin
    provider = "vertex_ai"
    operations = frozenset({"embedding"})
    embedding_model = "text-embedding-005"
    api_path = PLACE

    def inputs(self, received: Received) -> list[Any]:
        return [instance["content"] for instance in received.json["instances"]]


class TestClaudeOnVertex(UpstreamConformance):
    plugin = plugin
    provider = "vertex_ai"
    operations = frozenset({"chat", "completion", "count_tokens"})
    model = "claude-sonnet-4-5@20250929"
    api_path = PLACE
    unsupported = ("logit_bias", {"50256": -100})


class TestOpenModelsOnVertex(UpstreamConformance):
    plugin = plugin
    provider = "vertex_ai"
    operations = frozenset({"chat", "completion"})
    model = "meta/llama-4-maverick-17b-128e-instruct-maas"
    api_path = PLACE


class TestMistralOnVertex(UpstreamConformance):
    plugin = plugin
    provider = "vertex_ai"
    operations = frozenset({"chat", "completion"})
    model = "mistral-medium-3"
    api_path = PLACE
    shapes = ((":rawPredict", CHAT), (":streamRawPredict", CHAT))
    usage_unasked = True
    unsupported = ("logit_bias", {"50256": -100})


class TestJambaOnVertex(TestMistralOnVertex):
    model = "jamba-1.5-large"
