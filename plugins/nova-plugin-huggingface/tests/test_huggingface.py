"""Hugging Face: the router's names, servers of one's own, and lists for answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nova_core.errors import AuthenticationError, BadGatewayError, BadRequestError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.rerank import RerankReply
from nova_core.types.secret import Secret
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_plugin_huggingface import plugin

ROUTER = "https://router.huggingface.co"
OWN = "https://x.endpoints.example"


def deployment(model: str = "org/m", **fields: Any) -> Deployment:
    made = Deployment(**{"id": "d", "group": "g", "provider": "huggingface", "model": model, **fields})
    completed: Deployment = plugin.complete(made, {"HF_TOKEN": "hf_secret"})
    return completed


def sent(request: Request, model: str = "org/m", **fields: Any) -> tuple[str, dict[str, Any]]:
    asked = plugin.provider_call(Call(request), request, deployment(model, **fields)).request
    body: dict[str, Any] = msgspec.json.decode(asked.body or b"")
    return asked.url, body


def rerank_request(**members: Any) -> Request:
    asked = {"model": "g", "query": "which?", "documents": ["one", {"text": "two"}, "three"]}
    return Request("rerank", COHERE_RERANK, {**asked, **members})


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("org/m", "org/m"),
        ("together/org/m", "org/m:together"),
        ("hf-inference/org/m", "org/m:hf-inference"),
        ("org/m:fastest", "org/m:fastest"),
    ],
)
def test_the_router_is_told_which_provider_is_to_serve(model: str, named: str) -> None:
    url, body = sent(chat_request("g"), model)
    assert (url, body["model"]) == (f"{ROUTER}/v1/chat/completions", named)


@pytest.mark.parametrize(
    ("base", "chat", "embedding"),
    [
        (OWN, "/v1/chat/completions", "/embed"),
        (f"{OWN}/v1/", "/v1/chat/completions", "/v1/embeddings"),
        (f"{OWN}/v1/chat/completions", "/v1/chat/completions", "/v1/embeddings"),
        (f"{OWN}/embed", "/v1/chat/completions", "/embed"),
        (f"{OWN}/generate", "/v1/chat/completions", "/embed"),
    ],
)
def test_an_endpoint_of_ones_own_is_asked_where_it_serves(base: str, chat: str, embedding: str) -> None:
    url, body = sent(chat_request("g"), "together/org/m", api_base=base)
    assert (url, body["model"]) == (OWN + chat, "together/org/m")
    assert sent(embeddings_request("g", "x"), api_base=base)[0] == OWN + embedding


def test_an_address_may_stand_for_the_model() -> None:
    url, body = sent(chat_request("g"), f"{OWN}/v1")
    assert (url, body["model"]) == (f"{OWN}/v1/chat/completions", "tgi")


def test_the_vendors_own_service_embeds_and_others_are_refused_by_name() -> None:
    asked = embeddings_request("g", "some text", normalize=True, prompt_name="query", user="u")
    pipeline = f"{ROUTER}/hf-inference/models/org/m/pipeline/feature-extraction"
    for model in ("org/m", "hf-inference/org/m"):
        assert sent(asked, model) == (pipeline, {"inputs": ["some text"], "normalize": True, "prompt_name": "query"})
    with pytest.raises(BadRequestError, match="embedding by together"):
        sent(asked, "together/org/m")
    with pytest.raises(BadRequestError, match="rerank by hf-inference"):
        sent(rerank_request())
    keyless = plugin.complete(Deployment("d", "g", "huggingface", "o/m"), {})
    with pytest.raises(AuthenticationError, match="HUGGINGFACE_API_KEY or HF_TOKEN"):
        plugin.provider_call(Call(asked), asked, keyless)


def test_a_server_takes_dimensions_and_a_pipeline_does_not() -> None:
    asked = embeddings_request("g", ["x"], dimensions=64)
    assert sent(asked, api_base=OWN)[1] == {"inputs": ["x"], "dimensions": 64}
    with pytest.raises(UnsupportedParamsError, match="dimensions"):
        sent(asked)


@pytest.mark.parametrize("members", [{"task": "query"}, {"input": [{"image": "x"}]}, {"made_up": 1}])
def test_what_embeddings_cannot_say_is_refused_by_name(members: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParamsError, match=next(iter(members))):
        sent(embeddings_request("g", **{"input": ["x"], **members}), api_base=OWN)


async def test_vectors_that_are_not_pooled_and_answers_that_are_none_are_errors(upstream: ScriptedUpstream) -> None:
    made = deployment(api_base=upstream.url)
    wrong: tuple[Any, ...] = ([[[0.1], [0.2]]], [3], {"error": "model is loading"}, {"x": 1})
    async with bench(plugin, made) as asking:
        for answer in wrong:
            upstream.forget().script("/embed", json=answer)
            with pytest.raises(BadGatewayError):
                (await asking.ask(embeddings_request("g", "x"))).typed  # type: ignore[union-attr]  # noqa: B018
        upstream.forget().script("/embed", body=b"[[0.1")
        with pytest.raises(BadGatewayError, match="no JSON"):
            await asking.ask(embeddings_request("g", "x"))


async def test_the_best_documents_are_answered_with_their_text(upstream: ScriptedUpstream) -> None:
    scores = [{"index": 2, "score": 0.1}, {"index": 1, "score": 0.9}, {"index": 0, "score": 0.5}]
    upstream.script("/rerank", json=scores, headers={"x-compute-tokens": "21"})
    async with bench(plugin, deployment(api_base=upstream.url)) as asking:
        reply = await asking.ask(rerank_request(top_n=2, return_documents=True, raw_scores=True))
        typed = reply.typed  # type: ignore[union-attr]
        assert isinstance(typed, RerankReply)
        assert [(each.index, each.score, each.document) for each in typed.results] == [
            (1, 0.9, {"text": "two"}),
            (0, 0.5, "one"),
        ]
        assert typed.usage is not None
        assert (typed.usage.input, typed.usage.units and typed.usage.units.queries) == (21, 1.0)
        upstream.forget().script("/rerank", json=[{"index": 0}])
        with pytest.raises(BadGatewayError, match="result 0"):
            (await asking.ask(rerank_request())).typed  # type: ignore[union-attr]  # noqa: B018
    assert upstream.last.json == {"query": "which?", "texts": ["one", "two", "three"]}


def test_a_reranks_words_of_other_vendors_are_refused_by_name() -> None:
    body = sent(rerank_request(truncate=True), api_base=OWN)[1]
    assert body["truncate"] is True
    with pytest.raises(UnsupportedParamsError, match="max_tokens_per_doc"):
        sent(rerank_request(max_tokens_per_doc=10), api_base=OWN)


def test_a_key_of_the_deployment_comes_before_the_environments() -> None:
    request = chat_request("g")
    asked = plugin.provider_call(Call(request), request, deployment(api_key=Secret("own"))).request
    assert dict(asked.headers)["Authorization"] == "Bearer own"
