"""Requests to the vendors of the table, and what is sent and read of them."""

from __future__ import annotations

import json
from typing import Any

import nova_plugin_openai_compatible as pack
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_plugin_openai_compatible.provider import VendorProvider

HELLO = [{"role": "user", "content": "hi"}]
KEY = "k-123456"


def vendor_named(name: str) -> VendorProvider:
    """The provider of a row, as its entry point gives it."""
    found: VendorProvider = getattr(pack, name.replace("-", "_"))
    return found


def deployed(name: str, model: str = "some-model", environ: dict[str, str] | None = None, **fields: Any) -> Deployment:
    """A deployment of the vendor, complete. Without `environ` it has a key and what its address needs."""
    provider = vendor_named(name)
    if environ is None:
        environ = {**dict.fromkeys(provider.api_key_env[:1], KEY), "SNOWFLAKE_ACCOUNT_ID": "me", "AWS_REGION": "eu-1"}
        fields = {**({} if provider.base_url else {"api_base": "http://server.test/v1"}), **fields}
    return provider.complete(Deployment("i", "public", name, model, **fields), environ)


def chat_request(**members: Any) -> Request:
    """A chat of OpenAI's dialect, its members undecoded."""
    return Request("chat", OPENAI_CHAT, parse_members(json.dumps(members).encode()))


def asked(
    name: str,
    model: str = "some-model",
    *,
    drop: bool | None = None,
    environ: dict[str, str] | None = None,
    **members: Any,
) -> tuple[Call, Exchange]:
    """One attempt at a chat."""
    request = chat_request(**{"model": "public", "messages": HELLO, **members})
    call = Call(request, options=CallOptions(drop_params=drop))
    return call, vendor_named(name).provider_call(call, request, deployed(name, model, environ))


def sent(exchange: Exchange) -> dict[str, Any]:
    """The body that goes to the vendor."""
    body: dict[str, Any] = json.loads(exchange.request.body or b"")
    return body


def replied(exchange: Exchange, message: dict[str, Any], finish: str | None = "stop", **members: Any) -> Reply:
    """What is made of a whole reply."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **members}
    reply = exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
    assert isinstance(reply, Reply)
    return reply


def chunk(finish: str | None, **delta: Any) -> bytes:
    """One frame of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n"


def read_frames(exchange: Exchange, *chunks: bytes) -> list[dict[str, Any]]:
    """The chunks that are made of a stream."""
    assert exchange.frames is not None
    parser = exchange.frames()
    frames = [frame for data in chunks for frame in parser.feed(data)] + parser.end()
    return [json.loads(frame.data) for frame in frames if frame.data != b"[DONE]"]


def streamed(exchange: Exchange, *chunks: bytes) -> list[dict[str, Any]]:
    """The first choices of the chunks."""
    return [made["choices"][0] for made in read_frames(exchange, *chunks)]
