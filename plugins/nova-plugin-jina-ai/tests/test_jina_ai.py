"""Jina's provider does what every provider must do, and says tasks, codings and images in Jina's words."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import NovaError, PaymentRequiredError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream, UpstreamConformance
from nova_core.testing.provider_bench import bench, embeddings_request
from nova_core.testing.upstream_replies import Said, Shape, shape_for
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingsReply
from nova_core.types.message import Operation, Reply, Request
from nova_core.types.rerank import RerankReply
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_plugin_jina_ai import plugin

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def _embeddings(said: Said) -> dict[str, Any]:
    """OpenAI's reply, coded as `embedding_type` says."""
    body = {**said.body, "encoding_format": said.body.get("embedding_type")}
    return shape_for("/embeddings").reply(Said(body, said.model, "", None, (), said.given_usage, said.width))


def _ranking(said: Said) -> dict[str, Any]:
    found = [
        {"index": place, "relevance_score": 1 / (place + 2), "document": document}
        for place, document in enumerate(said.body["documents"])
    ]
    return {"model": said.model, "object": "list", "usage": {"total_tokens": 9}, "results": found}


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"detail": message, "code": code}


JINA_SHAPES = (("/embeddings", Shape(_embeddings, _error)), ("/rerank", Shape(_ranking, _error)))


class TestJina(UpstreamConformance):
    plugin = plugin
    provider = "jina_ai"
    operations = frozenset({"embedding"})
    model = embedding_model = "jina-embeddings-v3"
    key_env = "JINA_API_KEY"
    shapes = JINA_SHAPES


def deployment(model: str = "jina-embeddings-v3", **fields: Any) -> Deployment:
    return plugin.complete(Deployment("d", "g", "jina_ai", model, **fields), {})


async def asked(upstream: ScriptedUpstream, model: str, input: Any, **members: Any) -> dict[str, Any]:
    """The body that is sent for a request."""
    upstream.forget().script("*", shapes=JINA_SHAPES)
    async with bench(plugin, deployment(model, api_base=upstream.url)) as ours:
        await ours.ask(embeddings_request("g", input, **members))
    body: dict[str, Any] = upstream.last.json
    return body


@pytest.mark.parametrize(
    ("base", "operation", "url"),
    [
        (None, "embedding", "https://api.jina.ai/v1/embeddings"),
        ("https://p/v1/embeddings/", "rerank", "https://p/v1/rerank"),
        ("https://p/rerank", "rerank", "https://p/rerank"),
    ],
)
def test_a_base_may_end_in_the_path_of_the_operation(base: str | None, operation: Operation, url: str) -> None:
    assert plugin.url(deployment(api_base=base), operation) == url


async def test_jinas_own_words_go_as_they_are(upstream: ScriptedUpstream) -> None:
    own = {"task": "text-matching", "dimensions": 16, "late_chunking": True, "truncate": True, "normalized": False}
    body = await asked(upstream, "jina-embeddings-v4", ["a", "b"], encoding_format="base64", user="u", **own)
    assert body == {"model": "jina-embeddings-v4", "input": ["a", "b"], "embedding_type": "base64", **own}


@pytest.mark.parametrize(
    ("model", "members", "task"),
    [
        ("jina-embeddings-v3", {"input_type": "search_query"}, "retrieval.query"),
        ("jina-embeddings-v3", {"task_type": "CLUSTERING"}, "separation"),
        ("jina-embeddings-v5", {"input_type": "clustering"}, "clustering"),
        ("jina-embeddings-v5", {"task": "of_its_own", "input_type": "query"}, "of_its_own"),
    ],
)
async def test_tasks_of_other_apis_are_jinas(upstream: ScriptedUpstream, model: str, members: Any, task: str) -> None:
    body = await asked(upstream, model, "a", **members)
    assert body == {"model": model, "input": "a", "task": task}


async def test_tasks_that_nobody_knows_are_refused(upstream: ScriptedUpstream) -> None:
    with pytest.raises(UnsupportedParamsError, match="input_type"):
        await asked(upstream, "jina-embeddings-v3", "a", input_type="poetry")


async def test_where_one_item_is_an_image_all_are_objects(upstream: ScriptedUpstream) -> None:
    items = ["a", f"data:image/png;base64,{PIXEL}", {"image": "https://x/y.png"}, {"pdf": "https://x/z.pdf"}]
    body = await asked(upstream, "jina-embeddings-v4", items)
    assert body["input"] == [{"text": "a"}, {"image": PIXEL}, {"image": "https://x/y.png"}, {"pdf": "https://x/z.pdf"}]


async def test_vectors_of_tokens_are_told(upstream: ScriptedUpstream) -> None:
    data = [{"object": "embedding", "index": 0, "embeddings": [[0.5, 1.0], [0.0, 0.25]]}]
    upstream.script("*", json={"object": "list", "model": "m", "data": data, "usage": {"total_tokens": 2}})
    async with bench(plugin, deployment("jina-embeddings-v4", api_base=upstream.url)) as ours:
        reply = await ours.ask(embeddings_request("g", "a", return_multivector=True))
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, EmbeddingsReply)
    assert reply.typed.data[0].embedding == [[0.5, 1.0], [0.0, 0.25]]


@pytest.mark.parametrize("dialect", [JINA_RERANK, COHERE_RERANK])
async def test_documents_are_ranked(upstream: ScriptedUpstream, dialect: Any) -> None:
    upstream.script("*", shapes=JINA_SHAPES)
    members = {"model": "g", "query": "q", "documents": ["a", "b"], "top_n": 2, "return_documents": True}
    async with bench(plugin, deployment("jina-reranker-m0", api_base=upstream.url)) as ours:
        reply = await ours.ask(Request("rerank", dialect, members))
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, RerankReply)
    assert [each.document for each in reply.typed.results] == ["a", "b"]
    assert upstream.last.json == {**members, "model": "jina-reranker-m0"}


@pytest.mark.parametrize(
    ("code", "expected", "answered"),
    [("AUTHZ_INSUFFICIENT_BALANCE", PaymentRequiredError, 402), ("AUTHZ_OTHER", NovaError, 403)],
)
async def test_an_account_without_credit_is_told(
    upstream: ScriptedUpstream, code: str, expected: type[NovaError], answered: int
) -> None:
    upstream.script("*", status=403, message="the reason", code=code, shapes=JINA_SHAPES)
    async with bench(plugin, deployment(api_base=upstream.url)) as ours:
        with pytest.raises(expected, match="the reason") as caught:
            await ours.ask(embeddings_request("g", "a"))
    assert caught.value.status == answered
