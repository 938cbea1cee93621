"""Any valid answer is understood as another client understands it; no garbage hangs, crashes or poisons the pool."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nova_core.errors import NovaError
from nova_core.gateway.http1 import Http1Transport
from nova_core.gateway.transport import TransportOptions
from nova_core.types.upstream import UpstreamRequest
from tests.gateway.rawserver import RawServer

EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = st.from_regex(r"\A[Xx]-[A-Za-z0-9!#$&'*+.^_`|~-]{1,12}\Z")
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30).map(str.strip)


@dataclass(frozen=True)
class Answer:
    raw: bytes
    splits: tuple[int, ...]
    close: bool

    @property
    def pieces(self) -> list[bytes]:
        bounds = [0, *sorted(at % (len(self.raw) + 1) for at in self.splits), len(self.raw)]
        return [self.raw[start:end] for start, end in itertools.pairwise(bounds) if end > start]


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """A response as a server may send it: any framing, coding, chunk sizes, extensions, trailers and splits."""
    status = draw(st.sampled_from([200, 200, 200, 201, 204, 304, 302, 400, 404, 429, 500, 503]))
    coding, pack = draw(st.sampled_from([(None, bytes), ("gzip", gzip.compress), ("deflate", zlib.compress)]))
    body = pack(draw(st.binary(max_size=3000)))
    framing = draw(st.sampled_from(["length", "chunks", "close"]))
    headers = draw(st.lists(st.tuples(NAMES, VALUES), max_size=8))
    lines = [f"{name}:{draw(st.sampled_from(['', ' ', '  ', chr(9)]))}{value}" for name, value in headers]
    lines += [f"Content-Encoding: {coding}"] if coding else []
    payload = body
    if status in (204, 304):
        payload = b""
        framing = "none"
    elif framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    elif framing == "chunks":
        lines.insert(draw(st.integers(0, len(lines))), "Transfer-Encoding: chunked")
        payload = draw(chunks_of(body))
    version = "1.0" if framing == "close" and draw(st.booleans()) else "1.1"
    reason = draw(st.sampled_from([" OK", " ", " A longer reason, with (signs)"]))
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" if draw(st.integers(0, 4)) == 0 else b""
    head = "\r\n".join([f"HTTP/{version} {status}{reason}", *lines, "", ""]).encode("latin-1")
    splits = tuple(draw(st.lists(st.integers(0, 10_000), max_size=6)))
    return Answer(interim + head + payload, splits, framing == "close")


@st.composite
def chunks_of(draw: st.DrawFn, body: bytes) -> bytes:
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=5, unique=True)))
    bounds = [0, *cuts, len(body)]
    raw = b""
    for start, end in itertools.pairwise(bounds):
        if start < end:
            size = draw(st.sampled_from(["%x", "%X", "00%x"])) % (end - start)
            raw += size.encode() + draw(st.sampled_from([b"", b";a", b";a=b"])) + b"\r\n" + body[start:end] + b"\r\n"
    return raw + b"0\r\n" + draw(st.sampled_from([b"", b"X-Trailer: 1\r\n"])) + b"\r\n"


class Bench:
    """One event loop, one server and both clients for all examples of a test."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.runner.run(self._start())

    async def _start(self) -> None:
        self.server = await RawServer(b"").__aenter__()
        self.ours = Http1Transport(TransportOptions(ssl_verify=False, first_byte_timeout=2.0, body_timeout=2.0))
        self.other = httpx.AsyncClient(verify=False, trust_env=False)
        self.request = UpstreamRequest(self.server.url + "/", method="GET")

    def answering(self, pieces: list[bytes], *, close: bool) -> None:
        self.server.scripts = [pieces]
        self.server.close = close

    def expect_closed(self, error: NovaError) -> None:
        """What is packed wrongly may be framed well, and framing is what a connection's next use hangs on."""
        assert self.ours.stats().open == 0 or "packed it wrongly" in error.message

    def close(self) -> None:
        self.runner.run(self._end())
        self.runner.close()

    async def _end(self) -> None:
        await self.ours.aclose()
        await self.other.aclose()
        await self.server.__aexit__()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@given(answer=answers())
@EXAMPLES
def test_a_valid_answer_is_what_httpx_says_it_is(bench: Bench, answer: Answer):
    bench.answering(answer.pieces, close=answer.close)

    async def compare() -> None:
        expected = await bench.other.get(bench.server.url + "/")
        stream = await bench.ours.open(bench.request)
        assert stream.status == expected.status_code
        assert dict(stream.headers) == {name.lower(): value for name, value in expected.headers.items()}
        assert await stream.read() == expected.content
        again = await bench.ours.open(bench.request)
        assert b"".join([piece async for piece in again.chunks(2.0)]) == expected.content
        # An answer without a length that is no chunks ends with its connection, any other leaves it whole.
        assert bench.ours.stats().idle == bench.ours.stats().open == int(not answer.close)

    bench.runner.run(compare())


FRAGMENTS = [
    *(b"HTTP/1.1 ", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\n", b"100 Continue\r\n\r\n", b"204 No\r\n"),
    *(b"content-length: ", b"transfer-encoding: chunked\r\n", b"content-encoding: gzip\r\n", b"connection: close\r\n"),
    *(b"x: y\r\n", b"\r\n", b"\r", b"\n", b"\0", b" ", b";", b":", b",", b"-", b"5", b"abc", b"\x1f\x8b\x08"),
    *(b"0\r\n\r\n", b"3\r\nabc\r\n", b"ffffffffffffffff\r\n"),
]
GARBAGE = st.binary(max_size=300) | st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(b"".join)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid answer with some bytes changed, dropped or put in twice."""
    raw = bytearray(draw(answers()).raw)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(raw)


@given(raw=st.one_of(GARBAGE, damaged()), splits=st.lists(st.integers(0, 400), max_size=4), streamed=st.booleans())
@example(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1", splits=[], streamed=True)
@EXAMPLES
def test_garbage_ends_in_an_answer_or_an_error_of_ours_and_leaves_nothing_behind(bench, raw, splits, streamed):
    bench.answering(Answer(raw, tuple(splits), True).pieces, close=True)

    async def ask() -> None:
        try:
            async with asyncio.timeout(1.5):
                stream = await bench.ours.open(bench.request)
                if streamed:
                    assert all([isinstance(piece, bytes) async for piece in stream.chunks(1.0)])
                else:
                    assert isinstance(await stream.read(limit=1 << 20), bytes)
        except NovaError as error:
            bench.expect_closed(error)
        await bench.server.until_closed()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert bench.ours.stats().open == 0

    bench.runner.run(ask())


@given(raw=st.one_of(GARBAGE, damaged()), splits=st.lists(st.integers(0, 400), max_size=4))
@settings(EXAMPLES, max_examples=60)
def test_garbage_on_a_connection_that_stays_open_is_never_waited_for_beyond_the_deadlines(bench, raw, splits):
    bench.answering(Answer(raw, tuple(splits), True).pieces, close=False)

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(1.5):
                stream = await bench.ours.open(bench.request, first_byte_timeout=0.03)
                await stream.read(limit=1 << 20, deadline=loop.time() + 0.03)
        except NovaError as error:
            bench.expect_closed(error)
        await asyncio.sleep(0.005)  # what the server has still to send arrives, and closes an idle connection
        # Whatever is in the pool now carries the next exchange as if nothing had been.
        bench.answering([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"], close=False)
        stream = await bench.ours.open(bench.request)
        assert (stream.status, await stream.read()) == (200, b"ok")

    bench.runner.run(ask())
