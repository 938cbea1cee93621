"""Rerank, images and speech at the vendors of the table: addresses, words and results of each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, UnsupportedParamsError
from nova_core.types.call import Call, CallOptions
from nova_core.types.message import Reply, Request
from nova_core.types.rerank import RerankReply
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.body import parse_members
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_moderations import OPENAI_MODERATIONS
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_plugin_openai_compatible.vendors import VENDORS

from .vendors_asked import deployed, sent, vendor_named

DOCUMENTS = ["grass", {"text": "a tomato"}, "red"]
RERANKERS = [row.name for row in VENDORS if "rerank" in row.operations]


def reranked(name: str, model: str = "ranker", drop: bool | None = None, **members: Any) -> Exchange:
    asked = {"model": "public", "query": "red", "documents": DOCUMENTS, **members}
    request = Request("rerank", JINA_RERANK, parse_members(json.dumps(asked).encode()))
    call = Call(request, options=CallOptions(drop_params=drop))
    at = {} if vendor_named(name).base_url else {"api_base": "http://server.test/v1"}
    return vendor_named(name).provider_call(call, request, deployed(name, model, **at))


def read(exchange: Exchange, **body: Any) -> RerankReply:
    reply = exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, RerankReply)
    return reply.typed


def test_the_table_has_rerankers() -> None:
    known = {"together_ai", "deepinfra", "fireworks_ai", "nvidia_nim", "hosted_vllm", "dashscope", "xinference"}
    assert known | {"infinity", "qwencloud", "scaleway", "litellm_proxy"} <= set(RERANKERS)


@pytest.mark.parametrize("name", RERANKERS)
def test_every_reranker_gets_query_and_documents_at_its_address(name: str) -> None:
    exchange = reranked(name)
    assert exchange.request.url.startswith(("https://", "http://"))
    assert "{" not in exchange.request.url
    body = sent(exchange)
    assert "red" in json.dumps(body.get("query", body.get("queries")))
    assert "grass" in json.dumps(body)


@pytest.mark.parametrize(
    ("name", "model", "url"),
    [
        ("together_ai", "m", "https://api.together.ai/v1/rerank"),
        ("deepinfra", "Qwen/Qwen3-Reranker", "https://api.deepinfra.com/v1/inference/Qwen/Qwen3-Reranker"),
        ("nvidia_nim", "nvidia/rank-3.2-v2", "https://ai.api.nvidia.com/v1/retrieval/nvidia/rank-3_2-v2/reranking"),
        ("dashscope", "qwen3-rerank", "https://dashscope.aliyuncs.com/compatible-api/v1/reranks"),
        ("qwencloud", "qwen3-rerank", "https://dashscope-intl.aliyuncs.com/compatible-api/v1/reranks"),
        ("hosted_vllm", "m", "http://server.test/v1/rerank"),
        ("infinity", "m", "http://server.test/v1/rerank"),
    ],
)
def test_the_address_is_the_vendors(name: str, model: str, url: str) -> None:
    assert reranked(name, model).request.url == url


def test_an_operators_address_is_where_the_operator_says() -> None:
    nim = vendor_named("nvidia_nim")
    assert nim.url(deployed("nvidia_nim", api_base="http://nim.test/v1"), "rerank") == "http://nim.test/v1/ranking"
    whole = "http://nim.test/v1/ranking"
    assert nim.url(deployed("nvidia_nim", api_base=whole), "rerank") == whole


def test_rankings_become_results_with_documents() -> None:
    exchange = reranked("nvidia_nim", top_n=2)
    assert sent(exchange) == {
        "model": "ranker",
        "query": {"text": "red"},
        "passages": [{"text": "grass"}, {"text": "a tomato"}, {"text": "red"}],
    }
    rankings = [{"index": 2, "logit": 3.5}, {"index": 1, "logit": -1}, {"index": 0, "logit": -9}]
    reply = read(exchange, rankings=rankings, usage={"total_tokens": 5})
    assert [(each.index, each.score, each.document) for each in reply.results] == [
        (2, 3.5, "red"),
        (1, -1.0, {"text": "a tomato"}),
    ]
    assert reply.usage == Usage(input=5, units=Units(queries=1))
    with pytest.raises(BadGatewayError):
        read(exchange, rankings=[{"index": 2}])
    with pytest.raises(BadGatewayError):
        read(exchange, results=[])


def test_scores_become_results_in_the_order_of_relevance() -> None:
    exchange = reranked("deepinfra", return_documents=False, top_n=1)
    assert sent(exchange)["queries"] == ["red", "red", "red"]
    reply = read(exchange, scores=[0.1, 0.7, 0.3], input_tokens=9, request_id="r-1")
    assert [(each.index, each.score, each.document) for each in reply.results] == [(1, 0.7, None)]
    assert (reply.id, reply.usage) == ("r-1", Usage(input=9, units=Units(queries=1)))
    with pytest.raises(BadGatewayError):
        read(exchange, scores=["high"])


def test_what_rankings_cannot_say_is_refused_by_name_or_dropped() -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        reranked("nvidia_nim", max_tokens_per_doc=5)
    assert caught.value.param == "max_tokens_per_doc"
    assert "max_tokens_per_doc" not in sent(reranked("nvidia_nim", drop=True, max_tokens_per_doc=5))


def test_results_are_found_where_the_vendor_has_them() -> None:
    reply = read(reranked("fireworks_ai"), object="list", data=[{"index": 1, "relevance_score": 0.5}])
    assert [each.index for each in reply.results] == [1]


def test_a_native_answer_keeps_its_bytes() -> None:
    exchange = reranked("hosted_vllm")
    body = b'{"results": [{"index":0,  "relevance_score":0.10}], "more": {"a":  1}}'
    reply = exchange.read(UpstreamResponse(200, {}, body))
    assert isinstance(reply, Reply)
    assert b'[{"index":0,  "relevance_score":0.10}]' in reply.encode()
    assert b'{"a":  1}' in reply.encode()


@pytest.mark.parametrize(
    ("name", "request_", "url"),
    [
        (
            "groq",
            Request("speech", OPENAI_SPEECH, {"model": "m", "input": "a", "voice": "v"}),
            "https://api.groq.com/openai/v1/audio/speech",
        ),
        (
            "deepinfra",
            Request("image_generation", OPENAI_IMAGES, {"model": "m", "prompt": "a"}),
            "https://api.deepinfra.com/v1/openai/images/generations",
        ),
        (
            "mistral",
            Request("moderation", OPENAI_MODERATIONS, {"model": "m", "input": "a"}),
            "https://api.mistral.ai/v1/moderations",
        ),
    ],
)
def test_images_speech_and_moderation_are_asked_where_the_vendor_has_them(
    name: str, request_: Request, url: str
) -> None:
    exchange = vendor_named(name).provider_call(Call(request_), request_, deployed(name))
    assert exchange.request.url == url
    assert (exchange.frames is not None) is (request_.operation == "speech")
