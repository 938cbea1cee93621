"""NLP Cloud: how a conversation is told, and what is embedded."""

from __future__ import annotations

import json

import pytest

from nova_core.errors import BadGatewayError, BadRequestError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_plugin_nlp_cloud import plugin


def attempted(request: Request) -> Exchange:
    where = plugin.complete(Deployment("d", "public", "nlp_cloud", "dolphin"), {"NLP_CLOUD_API_KEY": "key-123"})
    exchange: Exchange = plugin.provider_call(Call(request), request, where)
    return exchange


def test_a_conversation_is_context_history_and_input():
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "bye"}]},
    ]
    exchange = attempted(chat_request("public", said))
    assert exchange.request.url == "https://api.nlpcloud.io/v1/gpu/dolphin/chatbot"
    assert dict(exchange.request.headers)["Authorization"] == "Token key-123"
    assert json.loads(exchange.request.body or b"") == {
        "context": "Be brief.",
        "history": [{"input": "Hi", "response": "Hello."}],
        "input": "And\nbye",
    }


def test_texts_are_embedded_and_nothing_else():
    exchange = attempted(embeddings_request("public", "a"))
    assert exchange.request.url == "https://api.nlpcloud.io/v1/gpu/dolphin/embeddings"
    assert json.loads(exchange.request.body or b"") == {"sentences": ["a"]}
    with pytest.raises(UnsupportedParamsError, match="dimensions"):
        attempted(embeddings_request("public", "a", dimensions=8))
    with pytest.raises(BadRequestError, match=r"input\[0\]"):
        attempted(embeddings_request("public", [[1, 2]]))


def test_an_answer_that_is_none_is_an_error():
    with pytest.raises(BadGatewayError, match="no such model"):
        attempted(chat_request("public")).read(UpstreamResponse(200, {}, b'{"detail": "no such model"}'))


async def test_a_stream_that_nobody_asked_for_is_an_error(upstream: ScriptedUpstream):
    events = b'data: {"response": "Hello."}\n\ndata: [DONE]\n\n'
    upstream.script("/dolphin/chatbot", body=events, headers={"content-type": "text/event-stream"})
    given = Deployment("d", "public", "nlp_cloud", "dolphin", api_base=upstream.url)
    async with bench(plugin, plugin.complete(given, {})) as at:
        with pytest.raises(BadGatewayError, match="come whole"):
            await at.ask(chat_request("public", stream=True))
