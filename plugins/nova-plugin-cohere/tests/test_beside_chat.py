"""What Cohere serves beside chat: embeddings (tasks, images, types, batches), ranked documents and transcripts."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import BadGatewayError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, embeddings_request
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingsReply
from nova_core.types.message import Reply, Request
from nova_core.types.rerank import RerankReply
from nova_core.types.usage import Usage
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_plugin_cohere import plugin

from .cohere_upstream import COHERE_SHAPES
from .published import check_embed, check_rerank

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def sent(upstream: ScriptedUpstream, model: str, input: Any, **members: Any) -> dict[str, Any]:
    """The body that is sent for a request."""
    upstream.forget().script("*", shapes=COHERE_SHAPES)
    made = Deployment("d", "g", "cohere", model, api_base=upstream.url)
    async with bench(plugin, plugin.complete(made, {})) as ours:
        await ours.ask(embeddings_request("g", input, **members))
    body: dict[str, Any] = upstream.last.json
    check_embed(body)
    return body


@pytest.mark.parametrize(
    ("members", "input_type"),
    [
        ({}, "search_document"),
        ({"task": "retrieval.query"}, "search_query"),
        ({"task": "separation"}, "clustering"),
        ({"input_type": "classification"}, "classification"),
        ({"task_type": "RETRIEVAL_QUERY"}, "search_query"),
    ],
)
async def test_tasks_are_input_types(upstream: ScriptedUpstream, members: Any, input_type: str) -> None:
    assert (await sent(upstream, "embed-v4.0", "a", **members))["input_type"] == input_type


async def test_options_have_their_places_and_unknown_tasks_are_refused(upstream: ScriptedUpstream) -> None:
    body = await sent(upstream, "embed-v4.0", ["a"], dimensions=256, truncate="END", embedding_types=["int8"], user="u")
    assert body == {
        "model": "embed-v4.0", "texts": ["a"], "input_type": "search_document", "embedding_types": ["int8"],
        "output_dimension": 256, "truncate": "END",
    }  # fmt: skip
    for members in ({"task": "text-matching"}, {"embedding_types": ["float", "int8"]}, {"return_multivector": True}):
        with pytest.raises(UnsupportedParamsError, match=next(iter(members))):
            await sent(upstream, "embed-v4.0", "a", **members)
    with pytest.raises(UnsupportedParamsError, match="input"):
        await sent(upstream, "embed-v4.0", [[1, 2]])


async def test_images_are_inputs_with_texts_or_stand_alone_where_a_model_needs_that(upstream: ScriptedUpstream) -> None:
    url = f"data:image/png;base64,{PIXEL}"
    image = {"type": "image_url", "image_url": {"url": url}}
    body = await sent(upstream, "embed-v4.0", ["a", url, {"text": "b", "image": PIXEL}, {"content": [image]}])
    text = [{"type": "text", "text": "a"}], [image], [{"type": "text", "text": "b"}, image], [image]
    assert body["inputs"] == [{"content": content} for content in text]
    body = await sent(upstream, "embed-english-v3.0", [{"image": "https://x/y.png"}, url])
    assert (body["images"], body["input_type"], len(upstream.requests)) == ([url], "image", 2)


async def test_more_than_a_call_holds_is_embedded_in_several(upstream: ScriptedUpstream) -> None:
    upstream.script("*", shapes=COHERE_SHAPES)
    made = Deployment("d", "g", "cohere", "embed-v4.0", api_base=upstream.url)
    async with bench(plugin, plugin.complete(made, {})) as ours:
        reply = await ours.ask(embeddings_request("g", [f"text {number}" for number in range(100)]))
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, EmbeddingsReply)
    assert ([vector.index for vector in reply.typed.data], reply.usage) == (list(range(100)), Usage(input=200))
    assert [len(received.json["texts"]) for received in upstream.requests] == [96, 4]


@pytest.mark.parametrize("answer", [{"message": "no"}, {"embeddings": []}, {}])
async def test_what_is_no_embeddings_reply_is_an_error(upstream: ScriptedUpstream, answer: Any) -> None:
    upstream.script("*", json=answer)
    made = Deployment("d", "g", "cohere", "embed-v4.0", api_base=upstream.url)
    async with bench(plugin, plugin.complete(made, {})) as ours:
        with pytest.raises(BadGatewayError):
            await ours.ask(embeddings_request("g", "a"))


async def test_documents_are_ranked_and_given_back(upstream: ScriptedUpstream) -> None:
    upstream.script("*", shapes=COHERE_SHAPES)
    made = Deployment("d", "g", "cohere", "rerank-v3.5", api_base=f"{upstream.url}/v2/chat")
    asked = {"model": "g", "query": "q", "documents": ["a", {"text": "b"}, "c"], "top_n": 2}
    async with bench(plugin, plugin.complete(made, {})) as ours:
        reply = await ours.ask(Request("rerank", JINA_RERANK, asked))
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, RerankReply)
    assert [(each.index, each.document) for each in reply.typed.results] == [(0, "a"), (1, {"text": "b"})]
    check_rerank(upstream.last.json)
    assert (upstream.last.path, reply.typed.search_units) == ("/v2/rerank", 1)
    assert upstream.last.json == {"model": "rerank-v3.5", "query": "q", "documents": ["a", "b", "c"], "top_n": 2}
