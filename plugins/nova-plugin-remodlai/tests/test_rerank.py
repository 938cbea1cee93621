"""Rerank on Nova's servers: Cohere's format, at an address that may be the whole one."""

from __future__ import annotations

import json

import pytest

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.body import parse_members
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_plugin_remodlai import plugin

ASKED = b'{"model":"public","query":"red","documents":["grass", {"text":"a tomato"}],"top_n":1}'


def request_in(dialect):
    return Request("rerank", dialect, parse_members(ASKED))


def exchange_for(request, base="http://nova.test:8000/v1"):
    deployment = plugin.complete(Deployment("i", "public", "remodlai", "nova-rerank-v1", api_base=base), {})
    return plugin.provider_call(Call(request), request, deployment)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://nova.test/v1", "http://nova.test/v1/rerank"),
        ("http://nova.test/v1/", "http://nova.test/v1/rerank"),
        ("http://nova.test/v1/rerank", "http://nova.test/v1/rerank"),
        ("http://nova.test/v2/rerank/", "http://nova.test/v2/rerank"),
    ],
)
def test_an_address_that_ends_in_the_path_is_used_as_it_is(base, url):
    assert exchange_for(request_in(COHERE_RERANK), base).request.url == url


def test_coheres_words_pass_byte_for_byte_but_for_the_model():
    exchange = exchange_for(request_in(COHERE_RERANK))
    assert exchange.request.body == ASKED.replace(b'"public"', b'"nova-rerank-v1"')
    body = b'{"id":"r","results":[{"index":1,"relevance_score":0.90}],"meta":{"billed_units":{"search_units":1}}}'
    assert exchange.read(UpstreamResponse(200, {}, body)).encode() == body


def test_jinas_callers_get_their_documents():
    exchange = exchange_for(request_in(JINA_RERANK))
    assert json.loads(exchange.request.body)["documents"] == ["grass", "a tomato"]
    reply = exchange.read(UpstreamResponse(200, {}, b'{"results":[{"index":1,"relevance_score":0.9}]}'))
    assert isinstance(reply, Reply)
    assert reply.typed.results[0].document == {"text": "a tomato"}
