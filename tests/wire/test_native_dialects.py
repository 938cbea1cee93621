"""Providers that speak several dialects for one operation: each caller is served in their own where it can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from nova_core.errors import NovaError
from nova_core.testing.upstream_replies import Said
from nova_core.testing.upstream_responses import RESPONSES_SHAPES
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import RESPONSES, RESPONSES_PATHS, OpenAICompatible
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_core.wire.sse import SseParser
from nova_core.wire.translate import translate_reply


class Both(OpenAICompatible):
    """Chat completions, and Responses for those who speak it."""

    providers = ("both",)
    base_url = "https://api.both.test/v1"
    natives = RESPONSES
    native_paths = RESPONSES_PATHS


class ResponsesOnly(OpenAICompatible):
    """A vendor that serves chat through the Responses API alone."""

    providers = ("responses_only",)
    base_url = "https://api.only.test/v1"
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_RESPONSES}
    paths: Mapping[Operation, str] = {"chat": "/responses"}


def asked(provider: OpenAICompatible, dialect: Dialect, body: dict[str, Any], **deployment: Any) -> Exchange:
    fields = {"api_base": provider.base_url, "api_key": Secret("sk-secret-1"), **deployment}
    where = Deployment("d", "public", provider.providers[0], "upstream", **fields)
    call = Call(Request("chat", dialect, parse_members(msgspec.json.encode(body))))
    call.metered = True
    exchange: Exchange = provider.provider_call(call, call.original, where)
    return exchange


def sent(exchange: Exchange) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(exchange.request.body or b"")
    return body


HELLO = {"model": "public", "input": "Hi", "stream": True, "unknown": {"kept": True}}
CHAT = {"model": "public", "messages": [{"role": "user", "content": "Hi"}]}


def test_a_caller_is_served_in_their_own_dialect_and_passed_through() -> None:
    exchange = asked(Both(), OPENAI_RESPONSES, HELLO)
    assert exchange.request.url == "https://api.both.test/v1/responses"
    assert exchange.request.body == b'{"model":"upstream","input":"Hi","stream":true,"unknown":{"kept":true}}'
    assert exchange.dialect is OPENAI_RESPONSES
    assert not exchange.fidelity.notes
    other = asked(Both(), OPENAI_CHAT, CHAT)
    assert other.request.url == "https://api.both.test/v1/chat/completions"


@pytest.mark.parametrize("base", ["https://b.test/v1", "https://b.test/v1/", "https://b.test/v1/chat/completions"])
def test_the_address_of_chat_leads_to_the_other_dialect_too(base: str) -> None:
    assert asked(Both(), OPENAI_RESPONSES, HELLO, api_base=base).request.url == "https://b.test/v1/responses"


def test_a_server_without_the_api_is_asked_in_chat() -> None:
    exchange = asked(
        Both(), OPENAI_RESPONSES, {"model": "public", "input": "Hi"}, settings={"use_chat_completions_api": True}
    )
    assert exchange.request.url == "https://api.both.test/v1/chat/completions"
    assert sent(exchange) == {"model": "upstream", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (OPENAI_CHAT, {**CHAT, "max_tokens": 9, "reasoning_effort": "low"}),
        (ANTHROPIC_MESSAGES, {**CHAT, "max_tokens": 9, "output_config": {"effort": "low"}}),
    ],
    ids=["openai_chat", "anthropic_messages"],
)
def test_callers_of_other_dialects_reach_a_vendor_that_speaks_responses_alone(
    dialect: Dialect, body: dict[str, Any]
) -> None:
    exchange = asked(ResponsesOnly(), dialect, body)
    assert exchange.request.url == "https://api.only.test/v1/responses"
    assert sent(exchange) == {
        "model": "upstream", "max_output_tokens": 9, "reasoning": {"effort": "low"},
        "input": [{"type": "message", "role": "user", "content": "Hi"}],
    }  # fmt: skip
    said = Said(sent(exchange), "upstream", "Hello.", None, (("f", {"a": 1}),), (5, 2), None)
    shape = RESPONSES_SHAPES[0][1]
    reply = exchange.read(UpstreamResponse(200, {}, msgspec.json.encode(shape.reply(said))))
    assert isinstance(reply, Reply)
    translated = translate_reply(reply, dialect)
    assert translated.typed.text == "Hello."  # type: ignore[union-attr]
    streamed = asked(ResponsesOnly(), dialect, {**body, "stream": True})
    assert streamed.frames is not None
    encoder, decoder = dialect.encoder(model="public", include_usage=True), streamed.dialect.decoder()
    frames = SseParser().feed(b"".join(shape.pieces(said)))
    wire = b"".join(encoder.encode(decoder.decode(frame)) for frame in frames) + encoder.end()
    decoder.end()
    for word in (b"Hello.", b'"f"', b"tool"):
        assert word in wire


@pytest.mark.parametrize(
    "body",
    [
        {"object": "chat.completion", "choices": []},
        {"object": "response", "output": "text"},
        {"object": "response", "output": [{"type": "function_call"}], "status": "completed"},
        {"object": "response", "status": "failed", "output": [], "error": {"code": "server_error", "message": "oops"}},
    ],
)
def test_a_reply_that_is_none_is_an_error(body: dict[str, Any]) -> None:
    exchange = asked(ResponsesOnly(), OPENAI_CHAT, CHAT)

    def read() -> None:
        reply = exchange.read(UpstreamResponse(200, {}, msgspec.json.encode(body)))
        assert isinstance(reply, Reply)
        assert reply.typed

    with pytest.raises(NovaError, match=r"upstream|oops") as caught:
        read()
    assert caught.value.status in (500, 502)
