"""Connections that misbehave below the level of requests."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator

import pytest

from nova_core.server import running
from nova_core.server.protocol import LimitedProtocol
from tests.server.live import Live, live, until

CONFIG = {
    "model_list": [{"model_name": "echo", "litellm_params": {"model": "echo/echo"}}],
    "general_settings": {"limits": {"header_kb": 4, "header_count": 20, "idle_seconds": 1}},
}
IMPATIENT = {**CONFIG, "general_settings": {"limits": {"idle_seconds": 0.2}}}

HELLO = b'{"model": "echo", "messages": [{"role": "user", "content": "hello"}]}'
UPGRADE = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
OLD_POST = POST.replace(b"HTTP/1.1", b"HTTP/1.0")
LAST = b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


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


@pytest.mark.parametrize("chunks", [b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}xx0\r\n\r\n", b"-1\r\n", b"2;\0\r\n{}\r\n"])
async def test_chunks_that_make_no_sense_are_400_and_reach_no_model(chunks: bytes, served: Live) -> None:
    head, body = await exchange(served, POST + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n" + chunks)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert body["error"]["message"] == "The request is not valid HTTP."
    await until(lambda: not served.server.server_state.tasks)
    assert served.gateway.in_flight == 0


CHUNKED = b"transfer-encoding: chunked\r\n"
UNKNOWN_CODINGS = (b"gzip, chunked", b"gzip", b"gzip\r\ntransfer-encoding: chunked", b"chunked;q=1", b"xchunked")
NO_FRAMING = {
    "a length beside it": CHUNKED + b"content-length: 3\r\n",
    "a length before it": b"content-length: 3\r\n" + CHUNKED,
    "chunked twice": CHUNKED * 2,
    "chunked not last": b"transfer-encoding: chunked, gzip\r\n",
    "none": b"transfer-encoding:\r\n",
    "a folded coding": b"transfer-encoding:\r\n chunked\r\n",
    "a folded header": b"x-a: b\r\n c\r\ncontent-length: 0\r\n",
    "a space before the colon": b"transfer-encoding : chunked\r\n",
}


@pytest.mark.parametrize("coding", UNKNOWN_CODINGS)
async def test_a_transfer_coding_that_is_not_understood_is_501(coding: bytes, served: Live) -> None:
    request = POST + b"transfer-encoding: %b\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (coding, len(HELLO), HELLO)
    head, body = await exchange(served, request + LAST)
    assert head.startswith(b"HTTP/1.1 501 ") and b"\r\nconnection: close" in head
    assert (body["error"]["code"], body["error"]["type"]) == ("501", "invalid_request_error")
    assert "only transfer coding" in body["error"]["message"]
    assert served.gateway.in_flight == 0


@pytest.mark.parametrize("coding", [b"Chunked", b"  chunked  "])
async def test_chunked_is_known_by_its_name_alone(coding: bytes, served: Live) -> None:
    request = POST + b"connection: close\r\ntransfer-encoding:%b\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    head, body = await exchange(served, request % (coding, len(HELLO), HELLO))
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body["choices"][0]["message"]["content"] == "hello"


@pytest.mark.parametrize("headers", NO_FRAMING.values(), ids=NO_FRAMING)
async def test_a_head_that_frames_no_body_is_400_and_ends_the_connection(headers: bytes, served: Live) -> None:
    head, body = await exchange(served, POST + headers + b"\r\n0\r\n\r\n" + LAST)
    assert head.startswith(b"HTTP/1.1 400 ") and b"\r\nconnection: close" in head
    assert body["error"]["message"] == "The request is not valid HTTP."


async def test_a_refused_transfer_coding_does_not_answer_the_request_before_it(served: Live) -> None:
    reader, writer = await served.connect()
    slow = HELLO.replace(b"hello", b"!delay 300ms\\nhello")
    writer.write(POST + b"content-length: %d\r\n\r\n" % len(slow) + slow)
    await until(lambda: served.gateway.in_flight == 1)
    writer.write(POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
    async with asyncio.timeout(3):
        assert b"501" not in await reader.read()
    writer.close()


@pytest.mark.parametrize("more", [b"", b"connection: keep-alive\r\n"])
async def test_old_http_gets_a_stream_without_chunks_that_ends_with_its_connection(more: bytes, served: Live) -> None:
    asked = HELLO[:-1] + b', "stream": true}'
    reader, writer = await served.connect()
    writer.write(OLD_POST + more + b"content-length: %d\r\n\r\n" % len(asked) + asked)
    async with asyncio.timeout(3):
        head, _, stream = (await reader.read()).partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head
    assert b"transfer-encoding" not in head and b"content-length" not in head
    assert stream.endswith(b"data: [DONE]\n\n")
    assert all(event.startswith(b"data: ") for event in stream.split(b"\n\n")[:-1])
    writer.close()


async def test_old_http_gets_whole_answers_with_their_length_and_nothing_before_them(served: Live) -> None:
    asked = OLD_POST + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(HELLO) + HELLO
    head, body = await exchange(served, asked)
    assert head.startswith(b"HTTP/1.1 200 ") and b"\r\ncontent-length: " in head
    assert body["choices"][0]["message"]["content"] == "hello"


async def test_old_http_has_no_transfer_codings(served: Live) -> None:
    head, body = await exchange(served, OLD_POST + CHUNKED + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(HELLO), HELLO))
    assert head.startswith(b"HTTP/1.1 400 ") and b"\r\nconnection: close" in head
    assert "HTTP/1.0 has no transfer codings" in body["error"]["message"]


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


async def test_a_peer_that_stops_reading_is_dropped_after_the_idle_time() -> None:
    async with live(IMPATIENT) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1000)
        text = "word " * 2_000_000
        body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": text}]}).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await reader.read(10)
        await asyncio.sleep(0.1)
        assert served.server.server_state.connections
        await until(lambda: not served.server.server_state.connections)
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


async def test_requests_that_are_sent_ahead_wait_outside_and_each_is_answered(served: Live) -> None:
    reader, writer = await served.connect()
    one = b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\nx-long: %b\r\n\r\n" % (b"y" * 2_000)
    writer.write(one * 600 + LAST)
    answers = asyncio.create_task(reader.read())
    most = 0
    async with asyncio.timeout(10):
        while not answers.done():
            await asyncio.sleep(0)
            most = max([most, *(len(each.pipeline) for each in served.server.server_state.connections)])
    assert (await answers).count(b"HTTP/1.1 200 ") == 601
    assert 0 < most < 300, "what one read of the socket brings"
    writer.close()


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


CLOSING = POST + b"connection: close\r\n"


@pytest.mark.parametrize(("post", "framing"), [(OLD_POST, "length"), (CLOSING, "length"), (CLOSING, "chunks")])
async def test_an_offer_on_a_connection_that_ends_is_ignored_too(post: bytes, framing: str, served: Live) -> None:
    head, body = await exchange(served, post + UPGRADE + FRAMED[framing])
    assert head.startswith(b"HTTP/1.1 200 ") and b"\r\nconnection: close" in head
    assert body["choices"][0]["message"]["content"] == "hello"


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


def small_buffers(served: Live) -> None:
    """What the peer has not read stays with the gateway: the system takes megabytes else."""
    for listener in served.server.servers[0].sockets:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)


async def an_answer(served: Live, *, size: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which an answer of at least so many bytes has begun."""
    small_buffers(served)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1_000)
    body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "x" * size}]}).encode()
    writer.write(POST + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    return reader, writer


async def test_a_peer_that_reads_slowly_gets_all_of_it_however_long_it_takes() -> None:
    async with live(IMPATIENT) as served:
        reader, writer = await an_answer(served, size=2_000_000)
        started, read = time.monotonic(), 0
        while piece := await reader.read(1_000_000):
            read += len(piece)
            if time.monotonic() - started < 0.7:
                await asyncio.sleep(0.02)
        assert read > 2_000_000
        assert time.monotonic() - started > 0.6
        writer.close()


async def test_what_is_written_is_read_before_the_process_ends(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "ACCEPTED_SECONDS", 0.0)
    monkeypatch.setattr(running, "ANSWERED_SECONDS", 0.0)
    reader, writer = await an_answer(served, size=2_000_000)
    read = len(await reader.read(1_000))
    served.server.stop()
    await until(lambda: served.app.serving.draining)
    await asyncio.sleep(0.3)
    assert served.server.lifespan.shutdown_event.is_set() is False
    while piece := await reader.read(1_000_000):
        read += len(piece)
    assert read > 2_000_000
    writer.close()


async def test_line_breaks_between_requests_do_not_keep_a_connection(served: Live) -> None:
    reader, writer = await served.connect()
    writer.write(LAST.replace(b"connection: close\r\n", b""))
    await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(3):
        for _ in range(4):
            await asyncio.sleep(0.2)
            writer.write(b"\r\n")
        await until(lambda: not served.server.server_state.connections)
    assert b"alive" in await reader.read()
    writer.close()
