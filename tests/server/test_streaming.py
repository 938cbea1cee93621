"""Streams: headers, gathering of pieces, back-pressure, and what happens when somebody leaves."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from nova_core.server.streaming import send_stream
from nova_core.testing import ScriptedUpstream
from nova_core.types.call import CallRecord
from tests.server.bad_input import CHAT, GOOD, GOOD_STREAM, MESSAGES
from tests.server.live import HELLO, Live, until


@pytest.fixture(params=["direct", "asgi"])
def config(config: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    """Served by the connection itself, and through ASGI."""
    config["general_settings"]["direct_calls"] = request.param == "direct"
    return config


async def test_a_stream_has_the_headers_of_server_sent_events_and_of_the_call(served: Live) -> None:
    async with (
        served.http() as http,
        http.stream("POST", CHAT, json={"model": "echo", "messages": HELLO, "stream": True}) as response,
    ):
        text = "".join([piece async for piece in response.aiter_text()])
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["x-nova-model-id"] == "id-echo"
    assert "x-nova-response-cost" not in response.headers
    assert text.endswith("data: [DONE]\n\n")


async def test_an_error_before_the_first_chunk_is_a_real_status(served: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("gpt", status=503, message="busy")
    async with served.http() as http:
        response = await http.post(CHAT, content=GOOD_STREAM)
    assert (response.status_code, response.json()["error"]["message"]) == (503, "busy")


async def test_a_broken_stream_ends_with_the_dialects_error_event_on_messages(
    served: Live, upstream: ScriptedUpstream
) -> None:
    upstream.script("gpt", half_stream=True)
    async with served.http() as http:
        response = await http.post(MESSAGES, json={"model": "gpt", "max_tokens": 9, "stream": True, "messages": HELLO})
    last = response.text.strip().split("\n\n")[-1].splitlines()
    assert last[0] == "event: error"
    assert json.loads(last[1].removeprefix("data: "))["type"] == "error"
    assert "message_stop" not in response.text


@pytest.mark.parametrize("body", [GOOD, GOOD_STREAM], ids=["plain", "streamed"])
async def test_a_caller_that_leaves_before_the_answer_cancels_the_upstream_within_a_second(
    body: bytes, served: Live, upstream: ScriptedUpstream
) -> None:
    records: list[CallRecord] = []
    served.gateway.watchers.append(records.append)
    upstream.script("gpt", delay=20.0)
    _, writer = await served.connect()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    await upstream.until(lambda it: it.requests)
    left = time.monotonic()
    writer.close()
    await upstream.until(lambda it: it.disconnects, seconds=1.0)
    assert time.monotonic() - left < 1.0
    await until(lambda: records)
    assert (records[0].status, records[0].call.model) == (499, "gpt")
    assert served.gateway.in_flight == 0


async def test_a_caller_that_leaves_a_stream_cancels_the_upstream_and_is_accounted(
    served: Live, upstream: ScriptedUpstream
) -> None:
    records: list[CallRecord] = []
    served.gateway.watchers.append(records.append)
    upstream.script("gpt", stream=["word "] * 500, gap=0.05)
    reader, writer = await served.connect()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(GOOD_STREAM)
    writer.write(head + GOOD_STREAM)
    await reader.readuntil(b"word ")
    writer.close()
    await upstream.until(lambda it: it.disconnects, seconds=1.0)
    await until(lambda: records)
    assert records[0].status == 499
    assert records[0].streamed
    assert served.gateway.in_flight == 0


async def test_a_caller_that_reads_slowly_holds_the_upstream_back(served: Live, upstream: ScriptedUpstream) -> None:
    piece = "x" * 50_000
    upstream.script("gpt", stream=[piece] * 1000)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1000)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(GOOD_STREAM)
    writer.write(head + GOOD_STREAM)
    await reader.read(100)
    await asyncio.sleep(0.5)
    assert served.gateway.in_flight == 1  # 50 MB are not read into memory while nobody takes them
    writer.transport.abort()
    await until(lambda: served.gateway.in_flight == 0)
    await until(lambda: upstream.disconnects)


class Pieces:
    """A stream of ten pieces that counts how many were asked for."""

    cut = False

    def __init__(self) -> None:
        self.taken = 0
        self.closed = False

    async def __aiter__(self):
        for self.taken in range(1, 11):
            yield b"x"

    async def aclose(self) -> None:
        self.closed = True


async def test_nothing_more_is_taken_while_the_caller_is_behind() -> None:
    stream, sent, ready = Pieces(), [], asyncio.Event()

    async def send(message: dict[str, object]) -> None:
        sent.append(message)
        if len(sent) > 3:
            await ready.wait()

    writing = asyncio.create_task(send_stream(stream, [], send))
    await asyncio.sleep(0.01)
    assert stream.taken == 3
    ready.set()
    await writing
    assert b"".join(message.get("body", b"") for message in sent) == b"x" * 10
    assert (sent[-1]["more_body"], stream.closed) == (False, True)


async def test_a_writer_that_is_cancelled_closes_the_stream() -> None:
    stream = Pieces()

    async def send(message: dict[str, object]) -> None:
        await asyncio.Event().wait()

    writing = asyncio.create_task(send_stream(stream, [], send))
    await asyncio.sleep(0.01)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert stream.closed
