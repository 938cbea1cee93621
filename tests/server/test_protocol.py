"""Connections that misbehave below the level of requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from nova_core.server.protocol import LimitedProtocol
from tests.server.live import Live, live

CONFIG = {
    "model_list": [{"model_name": "echo", "litellm_params": {"model": "echo/echo"}}],
    "general_settings": {"limits": {"header_kb": 4, "header_count": 20, "idle_seconds": 1}},
}


@pytest.fixture
async def served() -> AsyncIterator[Live]:
    async with live(CONFIG) as gateway:
        yield gateway


async def exchange(served: Live, request: bytes) -> tuple[bytes, dict]:
    reader, writer = await served.connect()
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, json.loads(body)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n" + b"x-a: b\r\n" * 30 + b"\r\n",
        b"GET / HTTP/1.1\r\nx-big: " + b"y" * 8_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nx-endless: " + b"y" * 200_000,
        b"GET /" + b"y" * 200_000,
    ],
    ids=["too many", "too large", "endless", "endless path"],
)
async def test_heads_over_the_limit_are_431(request_bytes: bytes, served: Live) -> None:
    head, body = await exchange(served, request_bytes)
    assert head.startswith(b"HTTP/1.1 431 ")
    assert body["error"]["code"] == "431"


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"HELLO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
async def test_what_is_not_http_is_400_in_json(garbage: bytes, served: Live) -> None:
    head, body = await exchange(served, garbage)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert body["error"] == {
        "message": "The request is not valid HTTP.", "type": "invalid_request_error", "param": None, "code": "400",
    }  # fmt: skip


async def test_a_head_that_trickles_in_is_408(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LimitedProtocol, "head_seconds", 0.3)
    reader, writer = await served.connect()
    writer.write(b"GET /health/liveliness HTTP/1.1\r\n")
    for _ in range(3):
        await asyncio.sleep(0.05)
        writer.write(b"x-slow: 1\r\n")
    async with asyncio.timeout(2):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_connection_that_says_nothing_is_closed(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LimitedProtocol, "head_seconds", 0.2)
    reader, writer = await served.connect()
    async with asyncio.timeout(2):
        assert await reader.read() == b""
    writer.close()


async def test_an_idle_connection_is_closed_after_the_idle_time(served: Live) -> None:
    reader, writer = await served.connect()
    writer.write(b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\n\r\n")
    async with asyncio.timeout(3):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_a_peer_that_stops_reading_is_dropped_after_the_idle_time(served: Live) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1000)
    text = "word " * 2_000_000
    body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": text}]}).encode()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    await reader.read(10)
    await asyncio.sleep(0.2)
    assert served.server.server_state.connections
    await asyncio.sleep(1.5)
    assert not served.server.server_state.connections
    writer.transport.abort()


async def test_requests_may_follow_each_other_on_one_connection_without_waiting(served: Live) -> None:
    reader, writer = await served.connect()
    one = b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    writer.write(one + one + last)
    async with asyncio.timeout(3):
        answer = await reader.read()
    assert answer.count(b"HTTP/1.1 200 ") == 3
    writer.close()


HELLO = b'{"model": "echo", "messages": [{"role": "user", "content": "hello"}]}'
UPGRADE = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
LAST = b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
FRAMED = {
    "length": b"content-length: %d\r\n\r\n" % len(HELLO) + HELLO,
    "chunks": b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(HELLO) + HELLO + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize("framing", FRAMED)
async def test_an_offer_to_upgrade_is_ignored_and_the_body_read(framing: str, step: int, served: Live) -> None:
    reader, writer = await served.connect()
    sent = POST + UPGRADE + FRAMED[framing] + LAST
    for start in range(0, len(sent), step):
        writer.write(sent[start : start + step])
        await asyncio.sleep(0)
    async with asyncio.timeout(3):
        answer = await reader.read()
    assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"HTTP/1.1 ") == 2
    assert b'"content":"hello"' in answer
    writer.close()


async def test_the_body_behind_an_offer_to_upgrade_is_never_taken_for_a_request(served: Live) -> None:
    hidden = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    reader, writer = await served.connect()
    writer.write(POST + UPGRADE + b"content-length: %d\r\n\r\n" % len(hidden))
    await asyncio.sleep(0.05)
    writer.write(hidden + LAST)
    async with asyncio.timeout(3):
        answer = await reader.read()
    assert answer.count(b"HTTP/1.1 ") == 2
    assert answer.startswith(b"HTTP/1.1 400 ") and b'"object":"list"' not in answer
    writer.close()


async def test_an_offer_to_upgrade_without_a_body_is_ignored_too(served: Live) -> None:
    reader, writer = await served.connect()
    writer.write((b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + UPGRADE + b"\r\n") * 3 + LAST)
    async with asyncio.timeout(3):
        answer = await reader.read()
    assert answer.count(b"HTTP/1.1 200 ") == 4
    writer.close()
