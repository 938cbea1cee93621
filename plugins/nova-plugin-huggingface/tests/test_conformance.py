"""Hugging Face's provider does what every provider must do."""

from __future__ import annotations

from typing import Any

from nova_core.testing import UpstreamConformance
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_replies import Said, Shape, shape_for, unit_vector
from nova_plugin_huggingface import plugin


def vectors(said: Said) -> Any:
    """A bare list of vectors."""
    return [unit_vector(text, 8) for text in said.body["inputs"]]


class TestEndpoint(UpstreamConformance):
    plugin = plugin
    provider = "huggingface"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "meta-llama/Llama-3.3-70B-Instruct"
    embedding_model = "BAAI/bge-m3"
    api_path = ""
    key_env = "HF_TOKEN"
    shapes = (("/embed", Shape(vectors, shape_for("/embeddings").error)),)

    def now(self, **answer: Any) -> None:
        super().now(**{"headers": {"x-compute-tokens": "3"}, **answer})

    def asked_model(self, received: Received) -> str:
        # A server of embeddings has one model and is not told which.
        return self.embedding_model if received.route.endswith("/embed") else received.model

    def inputs(self, received: Received) -> list[Any]:
        items: list[Any] = received.json["inputs"]
        return items


class TestOpenAIServer(UpstreamConformance):
    plugin = plugin
    provider = "huggingface"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "tgi"
    embedding_model = "tei"
