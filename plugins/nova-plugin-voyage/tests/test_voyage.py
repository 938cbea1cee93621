"""Voyage's provider does what every provider must do, and speaks the APIs of its models."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import AuthenticationError, BadRequestError, RateLimitedError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream, UpstreamConformance
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingsReply
from nova_core.types.message import Operation, Reply, Request
from nova_core.types.rerank import RerankReply
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_plugin_voyage import plugin

from .voyage_upstream import VOYAGE_SHAPES

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
URL = f"data:image/png;base64,{PIXEL}"


class TestVoyage(UpstreamConformance):
    plugin = plugin
    provider = "voyage"
    operations = frozenset({"embedding"})
    model = embedding_model = "voyage-3.5"
    key_env = "VOYAGE_API_KEY"
    shapes = VOYAGE_SHAPES


class TestVoyageMultimodal(TestVoyage):
    model = embedding_model = "voyage-multimodal-3"
    key_env = "VOYAGE_AI_TOKEN"

    def inputs(self, received: Any) -> list[Any]:
        """The texts of a request for texts with images."""
        return [item["content"][0]["text"] for item in received.json["inputs"]]


def deployment(model: str, **fields: Any) -> Deployment:
    return plugin.complete(Deployment("d", "g", "voyage", model, **fields), {})


async def asked(upstream: ScriptedUpstream, model: str, input: Any, **members: Any) -> tuple[dict[str, Any], Any]:
    """The body that is sent for a request, and the typed reply."""
    upstream.forget().script("*", shapes=VOYAGE_SHAPES)
    async with bench(plugin, deployment(model, api_base=upstream.url)) as ours:
        reply = await ours.ask(embeddings_request("g", input, **members))
    assert isinstance(reply, Reply)
    body: dict[str, Any] = upstream.last.json
    return body, reply.typed


@pytest.mark.parametrize(
    ("model", "base", "operation", "url"),
    [
        ("voyage-3.5", None, "embedding", "https://api.voyageai.com/v1/embeddings"),
        ("voyage-multimodal-3", None, "embedding", "https://api.voyageai.com/v1/multimodalembeddings"),
        ("voyage-context-3", "https://p/v1/embeddings", "embedding", "https://p/v1/contextualizedembeddings"),
        ("rerank-2.5", "https://p/v1/embeddings/", "rerank", "https://p/v1/rerank"),
        ("rerank-2.5", "https://p/rerank", "rerank", "https://p/rerank"),
    ],
)
def test_each_kind_of_model_has_its_path(model: str, base: str | None, operation: Operation, url: str) -> None:
    assert plugin.url(deployment(model, api_base=base), operation) == url


async def test_options_have_their_places(upstream: ScriptedUpstream) -> None:
    members = {"dimensions": 256, "output_dtype": "int8", "truncation": False, "user": "u", "task": "retrieval.query"}
    body, _ = await asked(upstream, "voyage-3.5", ["a"], **members)
    assert body == {
        "model": "voyage-3.5", "input": ["a"], "input_type": "query", "output_dimension": 256, "output_dtype": "int8",
        "truncation": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("members", "input_type"),
    [
        ({}, None), ({"task": "code.passage"}, "document"), ({"task": "classification"}, None),
        ({"input_type": "document"}, "document"), ({"input_type": "search_query"}, "query"),
    ],
)  # fmt: skip
async def test_queries_are_told_from_documents(upstream: ScriptedUpstream, members: Any, input_type: Any) -> None:
    body, _ = await asked(upstream, "voyage-3.5", "a", **members)
    assert body.get("input_type") == input_type


@pytest.mark.parametrize(
    ("model", "input", "members"),
    [
        ("voyage-3.5", "a", {"task": "of_its_own"}), ("voyage-3.5", [URL], {}), ("voyage-3.5", [[1, 2]], {}),
        ("voyage-3.5", "a", {"made_up": 1}), ("voyage-3.5", "a", {"return_multivector": True}),
    ],
)  # fmt: skip
async def test_what_cannot_be_said_is_refused(upstream: ScriptedUpstream, model: str, input: Any, members: Any) -> None:
    with pytest.raises(UnsupportedParamsError, match=next(iter(members), "input")):
        await asked(upstream, model, input, **members)
    assert upstream.requests == []


async def test_images_and_texts_are_embedded_together(upstream: ScriptedUpstream) -> None:
    items = ["a", URL, {"text": "b", "image": "https://x/y.png"}, {"image": PIXEL}]
    body, reply = await asked(upstream, "voyage-multimodal-3.5", items, encoding_format="base64", dimensions=16)
    image, text = {"type": "image_base64", "image_base64": URL}, {"type": "text", "text": "a"}
    both = [{"type": "text", "text": "b"}, {"type": "image_url", "image_url": "https://x/y.png"}]
    assert body["inputs"] == [{"content": [text]}, {"content": [image]}, {"content": both}, {"content": [image]}]
    assert (body["output_encoding"], body["output_dimension"], len(reply.data)) == ("base64", 16, 4)


async def test_chunks_of_a_document_are_read_together_and_queries_apart(upstream: ScriptedUpstream) -> None:
    body, reply = await asked(upstream, "voyage-context-3", ["a", "b"], input_type="document")
    assert (body["inputs"], [vector.index for vector in reply.data]) == ([["a", "b"]], [0, 1])
    body, reply = await asked(upstream, "voyage-context-3", ["a", "b"], input_type="query")
    assert (body["inputs"], [vector.index for vector in reply.data]) == ([["a"], ["b"]], [0, 1])
    assert isinstance(reply, EmbeddingsReply)


async def test_documents_are_ranked_and_given_back(upstream: ScriptedUpstream) -> None:
    upstream.script("*", shapes=VOYAGE_SHAPES)
    asked = {"model": "g", "query": "q", "documents": ["a", {"text": "b"}, "c"], "top_n": 2, "truncation": True}
    async with bench(plugin, deployment("rerank-2.5", api_base=upstream.url)) as ours:
        reply = await ours.ask(Request("rerank", JINA_RERANK, asked))
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, RerankReply)
    assert [(each.index, each.document) for each in reply.typed.results] == [(0, "a"), (1, {"text": "b"})]
    assert (reply.usage.input if reply.usage else None) == 3
    assert upstream.last.json == {
        "model": "rerank-2.5", "query": "q", "documents": ["a", "b", "c"], "top_k": 2, "truncation": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "expected"), [(400, BadRequestError), (401, AuthenticationError), (429, RateLimitedError)]
)
async def test_errors_are_told_by_what_they_mean(upstream: ScriptedUpstream, status: int, expected: Any) -> None:
    upstream.script("*", status=status, message="the reason", shapes=VOYAGE_SHAPES)
    async with bench(plugin, deployment("voyage-3.5", api_base=upstream.url)) as ours:
        with pytest.raises(expected, match="the reason"):
            await ours.ask(embeddings_request("g", "a"))
        with pytest.raises(BadRequestError, match="does not serve chat"):
            await ours.ask(chat_request("g"))
