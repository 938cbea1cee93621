"""Calls that connections serve by themselves: the same answers as through ASGI, however the bytes arrive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_core.server.direct import DirectCall, direct_call
from nova_core.server.known_head import KnownHead
from nova_core.server.serving import compile_edge
from nova_core.types.principal import ANONYMOUS
from tests.server.live import Live, live, runtime_from, until

KEYS = [{"key": "sk-first-key", "name": "first"}, {"key": "sk-second-key", "name": "second"}]
CONFIG: dict[str, Any] = {
    "model_list": [{"model_name": "echo", "litellm_params": {"model": "echo/echo"}}],
    "general_settings": {"keys": KEYS, "limits": {"body_mb": 1, "body_read_seconds": 0.4}},
}


@pytest.fixture
async def served() -> AsyncIterator[Live]:
    async with live(CONFIG) as gateway:
        yield gateway


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Live]:
    """A gateway that serves calls one way or the other."""
    async with live(
        {**CONFIG, "general_settings": {**CONFIG["general_settings"], "direct_calls": request.param}}
    ) as one:
        yield one


def request(text: str, key: str = "sk-first-key", *, close: bool = False, stream: bool = False) -> bytes:
    asked = {"model": "echo", "messages": [{"role": "user", "content": text}], "stream": stream}
    body = json.dumps(asked).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    last = "connection: close\r\n" if close else ""
    return f"{head}Content-Length: {len(body)}\r\n{last}\r\n".encode() + body


async def one(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], dict[str, Any]]:
    """The next whole answer of a connection."""
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split()[1]), headers, json.loads(body)


def said(body: dict[str, Any]) -> str:
    text: str = body["choices"][0]["message"]["content"]
    return text


async def test_many_requests_on_one_connection_each_get_their_own_answer(either: Live) -> None:
    reader, writer = await either.connect()
    for length in (1, 5, 5, 40_000, 2, 300_000, 5):
        writer.write(request("x" * length))
        status, headers, body = await one(reader)
        assert (status, said(body)) == (200, "x" * length)
        assert headers["x-nova-call-id"] == headers["x-request-id"]
    writer.close()


async def test_a_request_is_the_same_wherever_its_bytes_are_split(either: Live) -> None:
    sent = request("first") + request("second", "sk-second-key") + request("third", close=True)

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sets(st.integers(1, len(sent) - 1), max_size=6))
    def split(cuts: set[int]) -> None:
        places = [0, *sorted(cuts), len(sent)]
        asyncio.run_coroutine_threadsafe(exchange(places), loop).result(10)

    async def exchange(places: list[int]) -> None:
        reader, writer = await either.connect()
        for start, end in pairwise(places):
            writer.write(sent[start:end])
            await asyncio.sleep(0.002)
        assert [said((await one(reader))[2]) for _ in range(3)] == ["first", "second", "third"]
        assert await reader.read() == b""
        writer.close()

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(split)


async def test_another_key_on_the_same_connection_is_another_caller(either: Live) -> None:
    reader, writer = await either.connect()
    statuses = []
    for key in ("sk-first-key", "sk-second-key", "sk-wrong-key!"):
        writer.write(request("hi", key))
        statuses.append((await one(reader))[0])
    assert statuses == [200, 200, 401]
    writer.close()


async def test_a_key_that_is_taken_away_is_refused_on_connections_that_used_it(either: Live) -> None:
    reader, writer = await either.connect()
    for _ in range(2):
        writer.write(request("hi"))
        assert (await one(reader))[0] == 200
    without = {**CONFIG, "general_settings": {**CONFIG["general_settings"], "keys": KEYS[1:]}}
    await either.gateway.reload(runtime_from(without))
    writer.write(request("hi"))
    assert (await one(reader))[0] == 401
    writer.close()


async def test_a_body_that_does_not_come_is_a_408_and_frees_the_connection(served: Live) -> None:
    reader, writer = await served.connect()
    writer.write(request("hello")[:-5])
    status, headers, body = await one(reader)
    assert (status, headers["connection"]) == (408, "close")
    assert "0.4 seconds" in body["error"]["message"]
    assert await reader.read() == b""
    writer.close()


async def test_a_caller_who_leaves_with_half_a_body_sent_leaves_nothing_behind(either: Live) -> None:
    _, writer = await either.connect()
    writer.write(request("hello")[:-5])
    await until(lambda: either.server.server_state.connections)
    writer.close()
    await until(lambda: not either.server.server_state.connections)
    assert either.gateway.in_flight == 0


async def test_streams_and_whole_answers_take_turns_on_one_connection(either: Live) -> None:
    reader, writer = await either.connect()
    for _ in range(2):
        writer.write(request("hi there", stream=True))
        async with asyncio.timeout(5):
            stream = await reader.readuntil(b"0\r\n\r\n")
        assert b"data: [DONE]" in stream
        writer.write(request("hello"))
        assert said((await one(reader))[2]) == "hello"
    writer.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_connection_that_waits_for_its_next_request_holds_nothing_of_the_last(served: Live, stream) -> None:
    reader, writer = await served.connect()
    writer.write(request("x" * 50_000, stream=stream))
    async with asyncio.timeout(5):
        await (reader.readuntil(b"0\r\n\r\n") if stream else one(reader))
    (protocol,) = served.server.server_state.connections
    assert protocol.cycle.response_complete
    assert protocol.cycle.call is None
    writer.close()


async def test_what_a_known_head_does_not_cover_is_refused_as_on_a_new_connection(either: Live) -> None:
    for wrong in (b"+5", b"5 5", b"0x5", b"5,5", b"-1", b"", b"5\t5"):
        reader, writer = await either.connect()
        writer.write(request("hello"))
        assert (await one(reader))[0] == 200
        before, after = request("hello").split(b"Content-Length: ")
        writer.write(before + b"Content-Length: " + wrong + after[after.index(b"\r\n") :])
        async with asyncio.timeout(5):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 "), wrong
        writer.close()


async def test_the_setting_sends_every_call_through_asgi(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("served directly")

    monkeypatch.setattr(DirectCall, "begin", never)
    general = {**CONFIG["general_settings"], "direct_calls": False}
    async with live({**CONFIG, "general_settings": general}) as served:
        reader, writer = await served.connect()
        writer.write(request("hi"))
        assert said((await one(reader))[2]) == "hi"
        writer.close()


def test_a_call_that_is_shown_shows_nothing_that_its_caller_sent() -> None:
    secret = "sk-first-key"
    headers = {"authorization": f"Bearer {secret}"}
    head = KnownHead(compile_edge(runtime_from(CONFIG)), None, "/", headers, ANONYMOUS, True)  # type: ignore[arg-type]
    call = direct_call(None, head, None)  # type: ignore[arg-type]
    assert call.headers == {}
    assert secret not in repr(call) + repr(call.begin)
