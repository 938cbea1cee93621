"""Rerank at AI Foundry: where it is asked, and with which key."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import RateLimitedError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.rerank import RerankReply
from nova_core.types.secret import Secret
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_plugin_azure import foundry

SERVERLESS = "https://my-rerank.eastus2.models.ai.azure.com"
RESOURCE = "https://my-resource.services.ai.azure.com"


def deployment(base: str, **settings: Any) -> Deployment:
    given = Deployment(
        "d", "ranked", "azure_ai", "cohere-rerank-v4", api_base=base, api_key=Secret("the-key"), settings=settings
    )
    return foundry.complete(given, {})


def asked(dialect: Any = COHERE_RERANK, **members: Any) -> Request:
    return Request("rerank", dialect, {"model": "ranked", "query": "q", "documents": ["a", "b"], **members})


@pytest.mark.parametrize(
    ("base", "url", "header"),
    [
        (SERVERLESS, f"{SERVERLESS}/v1/rerank", "Authorization"),
        (f"{SERVERLESS}/v1/", f"{SERVERLESS}/v1/rerank", "Authorization"),
        (f"{SERVERLESS}/v2/rerank", f"{SERVERLESS}/v2/rerank", "Authorization"),
        (RESOURCE, f"{RESOURCE}/providers/cohere/v2/rerank", "api-key"),
        (f"{RESOURCE}/models", f"{RESOURCE}/providers/cohere/v2/rerank", "api-key"),
        (f"{RESOURCE}/providers/cohere/v2", f"{RESOURCE}/providers/cohere/v2/rerank", "api-key"),
    ],
)
def test_rerank_is_asked_at_the_resource_or_at_the_models_endpoint(base: str, url: str, header: str):
    exchange = foundry.provider_call(Call(asked()), asked(), deployment(base))
    assert exchange.request.url == url
    assert dict(exchange.request.headers)[header].removeprefix("Bearer ") == "the-key"


def test_a_version_is_stated_where_the_operator_wants_one():
    exchange = foundry.provider_call(Call(asked()), asked(), deployment(SERVERLESS, api_version="2024-05-01-preview"))
    assert exchange.request.url == f"{SERVERLESS}/v1/rerank?api-version=2024-05-01-preview"


async def test_documents_come_back_to_callers_of_both_formats(upstream: ScriptedUpstream):
    ranked = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.2}]
    units = {"billed_units": {"search_units": 2}}
    upstream.script("/v1/rerank", json={"id": "r", "results": ranked, "meta": units})
    async with bench(foundry, deployment(upstream.url)) as at:
        reply = await at.ask(asked(JINA_RERANK, top_n=2))
        with pytest.raises(UnsupportedParamsError, match="truncation"):
            await at.ask(asked(JINA_RERANK, truncation="left"))
        upstream.forget().script("/v1/rerank", json={"message": "too many requests"}, status=429)
        with pytest.raises(RateLimitedError, match="too many"):
            await at.ask(asked())
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, RerankReply)
    assert [each.document for each in reply.typed.results] == ["b", "a"]
    assert reply.usage is not None
    assert reply.usage.units is not None
    assert reply.usage.units.queries == 2
