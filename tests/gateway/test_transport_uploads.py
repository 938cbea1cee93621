"""Bodies that are still coming reach upstreams as they come, and begin anew with every attempt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from nova_core.errors import APIConnectionError, RequestTimeoutError
from nova_core.gateway.http1 import Http1Transport
from nova_core.gateway.transport import TransportOptions
from nova_core.gateway.transport_aiohttp import AiohttpTransport
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.upload import InMemory
from nova_core.types.upstream import UpstreamRequest

TYPE = ("Content-Type", "application/octet-stream")


@pytest.fixture(params=[AiohttpTransport, Http1Transport], ids=["aiohttp", "http1"])
async def transport(request):
    made = request.param(TransportOptions(keepalive_timeout=60))
    yield made
    await made.aclose()


class Coming:
    """A body of which, `stuck`, only the first piece ever comes; `read` counts how often it was begun."""

    def __init__(
        self, *pieces: bytes, length: int | None = None, failure: Exception | None = None, stuck: bool = False
    ) -> None:
        self.length = length
        self.read = 0
        self.taken = 0
        self._pieces = pieces
        self._failure = failure
        self._stuck = stuck

    async def chunks(self) -> AsyncIterator[bytes]:
        self.read += 1
        for piece in self._pieces:
            self.taken += 1
            yield piece
            if self._stuck:
                await asyncio.Event().wait()
        if self._failure is not None:
            raise self._failure


def upload(upstream: ScriptedUpstream, body: object, path: str = "/upload") -> UpstreamRequest:
    return UpstreamRequest(upstream.url + path, headers=(TYPE,), body=body)


async def sent(transport, request: UpstreamRequest) -> int:
    opened = await transport.open(request)
    await opened.read()
    await opened.aclose()
    return opened.status


async def test_a_body_of_unknown_length_goes_out_in_chunks_and_one_of_known_length_with_it(transport, upstream):
    await sent(transport, upload(upstream, Coming(b"ab", b"", b"cd" * 1000)))
    await sent(transport, upload(upstream, Coming(b"ab", b"cd", length=4)))
    await sent(transport, upload(upstream, InMemory(b"xyz" * 100_000)))
    chunked, known, large = upstream.requests
    assert chunked.body == b"ab" + b"cd" * 1000
    assert chunked.header("transfer-encoding") == "chunked"
    assert chunked.header("content-length") is None
    assert (known.body, known.header("content-length"), known.header("transfer-encoding")) == (b"abcd", "4", None)
    assert large.body == b"xyz" * 100_000
    assert {request.connection for request in upstream.requests} == {1}, "the connection is used again"


async def test_an_empty_body_is_one(transport, upstream):
    await sent(transport, upload(upstream, Coming()))
    await sent(transport, upload(upstream, InMemory(b"")))
    assert [request.body for request in upstream.requests] == [b"", b""]


async def test_a_kept_connection_that_died_is_replaced_and_the_body_is_sent_again(transport, upstream):
    await sent(transport, upload(upstream, InMemory(b"warm")))
    upstream.script("/upload", raw=b"")  # closes without an answer
    body = Coming(b"one", b"two")
    upstream.script("/upload", status=200)
    assert await sent(transport, upload(upstream, body)) == 200
    assert body.read == 2
    assert upstream.last.body == b"onetwo"


async def test_an_answer_before_the_end_of_the_body_is_the_answer(transport):
    seen: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig")
        await writer.drain()
        await reader.read()  # until the other side gives up
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    body = Coming(b"a", b"b", stuck=True)
    async with asyncio.timeout(2), server:
        opened = await transport.open(UpstreamRequest(f"http://127.0.0.1:{port}/", headers=(TYPE,), body=body))
        assert (opened.status, await opened.read()) == (413, b"big")
        await opened.aclose()
    assert transport.stats().open == 0, "a connection on which half a body was sent is of no more use"


@pytest.mark.parametrize("fails", [False, True], ids=["to its end", "until it fails"])
async def test_a_body_goes_on_beside_an_answer_that_has_begun(transport, fails):
    begun = asyncio.Event()
    seen = bytearray()

    async def transcribe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"a")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        while not seen.endswith(b"0\r\n\r\n") and (piece := await reader.read(1000)):
            seen.extend(piece)
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
        writer.close()

    class Later(Coming):
        async def chunks(self):
            yield b"a"
            await begun.wait()
            if fails:
                raise RequestTimeoutError("the caller is too slow")
            yield b"b"

    server = await asyncio.start_server(transcribe, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(2), server:
        opened = await transport.open(UpstreamRequest(f"http://127.0.0.1:{port}/", headers=(TYPE,), body=Later()))
        begun.set()
        if fails:
            with pytest.raises(APIConnectionError):
                await opened.read()
        else:
            assert await opened.read() == b"onetwo"
            assert b"b" in seen
        await opened.aclose()
    assert transport.stats().open == 0 or not fails


async def test_an_upstream_that_does_not_read_holds_the_body_back(transport):
    stuck = asyncio.Event()

    async def sleep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stuck.wait()
        writer.close()

    server = await asyncio.start_server(sleep, "127.0.0.1", 0, limit=64 * 1024)
    port = server.sockets[0].getsockname()[1]
    body = Coming(*[bytes(256 * 1024)] * 400)
    request = UpstreamRequest(f"http://127.0.0.1:{port}/", headers=(TYPE,), body=body)
    with pytest.raises(RequestTimeoutError):
        await transport.open(request, first_byte_timeout=0.3)
    assert body.taken < 100, "100 MiB would have been taken in without an upstream to take them"
    stuck.set()
    server.close()


async def test_a_body_that_fails_fails_the_request_with_its_own_error(transport, upstream):
    late = RequestTimeoutError("the caller is too slow")
    with pytest.raises(RequestTimeoutError, match="too slow"):
        await sent(transport, upload(upstream, Coming(b"a", failure=late)))
    assert upstream.requests == []
    assert await sent(transport, upload(upstream, InMemory(b"b"))) == 200


async def test_a_caller_who_leaves_ends_the_sending(transport, upstream):
    body = Coming(b"a", b"b", stuck=True)
    task = asyncio.ensure_future(sent(transport, upload(upstream, body)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await upstream.until(lambda up: up.open_connections == 0)
    assert len([each for each in asyncio.all_tasks() if each.get_name() == "send a body"]) == 0
