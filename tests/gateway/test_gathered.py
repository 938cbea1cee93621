"""Requests that can only be made of their whole body."""

from __future__ import annotations

import base64
import hashlib

import pytest

from nova_core.errors import PayloadTooLargeError
from nova_core.gateway.exchange import perform
from nova_core.gateway.policy import Limits
from nova_core.gateway.transport_default import default_transport
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import chat_request
from nova_core.types.call import Call
from nova_core.types.message import Reply
from nova_core.types.upload import File, InMemory
from nova_core.types.upstream import Exchange, Gathered, UpstreamRequest, UpstreamResponse
from nova_core.wire.file_in_json import DataUrl, FilesInJson
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.upstream_errors import error_from_response

CONTENT = bytes(range(256)) * 100


async def gathered(upstream: ScriptedUpstream, *, most: int) -> Reply:
    """The reply to a request that states the digest of its body."""

    def made(body: bytes) -> UpstreamRequest:
        return UpstreamRequest(upstream.url, "POST", (("X-Digest", hashlib.sha256(body).hexdigest()),), body)

    def read(response: UpstreamResponse) -> Reply:
        return Reply("chat", OPENAI_CHAT, {"body": response.body.decode()})

    file = File("a.png", "image/png", InMemory(CONTENT, piece=1000))
    request = Gathered(upstream.url, body=FilesInJson({"image": file, "url": DataUrl(file)}), made=made, most=most)
    exchange = Exchange(request, OPENAI_CHAT, read, error_from_response)
    transport = default_transport()
    try:
        reply = await perform(transport, Call(chat_request("m")), exchange, Limits(1.0, 5.0, 5.0, 5.0))
    finally:
        await transport.aclose()
    assert isinstance(reply, Reply)
    return reply


async def test_the_body_is_read_before_the_request_is_made(upstream: ScriptedUpstream) -> None:
    upstream.script("*", body=b"heard")
    reply = await gathered(upstream, most=100_000)
    assert reply.get("body") == "heard"
    received = upstream.last
    assert received.header("x-digest") == hashlib.sha256(received.body).hexdigest()
    text = base64.b64encode(CONTENT).decode()
    assert received.json == {"image": text, "url": f"data:image/png;base64,{text}"}


async def test_a_body_that_is_too_large_is_refused_and_nothing_is_sent(upstream: ScriptedUpstream) -> None:
    with pytest.raises(PayloadTooLargeError, match="1000 bytes"):
        await gathered(upstream, most=1000)
    assert upstream.requests == []
