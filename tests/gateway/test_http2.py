"""Our own HTTP/2 client keeps to the rules, shares connections fairly, and is not impressed by servers that do not."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
import time

import hpack
import httpx
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PushPromiseFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.config.explain import ConfigError
from nova_core.errors import (
    APIConnectionError,
    BadGatewayError,
    ConfigurationError,
    NovaError,
    RequestTimeoutError,
    StreamBrokenError,
)
from nova_core.gateway import check_http2, transport_default
from nova_core.gateway.check import check_file
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.http1 import Http1Transport
from nova_core.gateway.http1.connect import Dialer
from nova_core.gateway.http1.decode import Codings
from nova_core.gateway.http1.faults import Fault
from nova_core.gateway.http1.target import Address, parse_target
from nova_core.gateway.http2 import connection as http2_connection
from nova_core.gateway.http2.connection import Http2Connection
from nova_core.gateway.http2.owners import Bounds
from nova_core.gateway.http2.pool import Http2Pool
from nova_core.gateway.http2.request import fields_of
from nova_core.gateway.http2.transport import Http2Transport
from nova_core.gateway.transport import TransportOptions
from nova_core.gateway.transport_default import default_transport
from nova_core.types.upload import InMemory
from nova_core.types.upstream import UpstreamRequest
from tests.gateway.h2server import H2Server, Visit, ok
from tests.gateway.rawserver import RawServer

SECRET = "sk-very-secret"


@pytest.fixture
async def make_transport():
    made = []

    def make(bounds: Bounds | None = None, **changes) -> Http2Transport:
        options = TransportOptions(first_byte_timeout=5.0, body_timeout=5.0, **{"ssl_verify": False, **changes})
        otherwise = Http1Transport(options)
        transport = Http2Transport(options, otherwise, bounds=bounds or Bounds())
        made.extend((transport, otherwise))
        return transport

    yield make
    for each in made:
        await each.aclose()


@pytest.fixture
async def transport(make_transport):
    return make_transport()


def ask(server, path: str = "/", method: str = "POST", **changes) -> UpstreamRequest:
    return UpstreamRequest(server.url + path, method=method, **changes)


async def got(transport, request: UpstreamRequest, **limits) -> bytes:
    stream = await transport.open(request)
    try:
        return await stream.read(**limits)
    finally:
        await stream.aclose()


async def until(condition, seconds: float = 2.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def iterated(stream) -> list[bytes]:
    return [piece async for piece in stream.chunks(2.0)]


async def poured(stream) -> list[bytes]:
    pieces: list[bytes] = []

    def take(piece: bytes) -> bool:
        pieces.append(piece)
        return len(pieces) % 2 == 0

    await stream.chunks(2.0).pour(take, lambda: asyncio.sleep(0))
    return pieces


async def forever(visit: Visit) -> None:
    visit.head()
    while not visit.gone.is_set():
        await visit.send(b"data: 1\n\n")
        await asyncio.sleep(0.01)


async def never(visit: Visit) -> None:
    await visit.gone.wait()


# Requests and answers


async def test_a_request_arrives_as_it_was_made_and_its_answer_comes_back(transport):
    async def answers(visit: Visit) -> None:
        visit.head(429, retry_after="7", x_twice="a")
        await visit.send(visit.body[::-1], end=True)

    headers = (("Authorization", f"Bearer {SECRET}"), ("X-One", "1"), ("x-one", "é"), ("Transfer-Encoding", "chunked"))
    async with H2Server(answers) as server:
        stream = await transport.open(ask(server, "/v1/a%2Fb?key=a+b", body=b"abc", headers=headers))
        assert (stream.status, stream.headers["retry-after"], await stream.read()) == (429, "7", b"cba")
        seen, authority = server.visits[0].headers, server.url.removeprefix("http://")
    assert [seen[name] for name in (":method", ":scheme", ":path", "content-length")] == [
        "POST",
        "http",
        "/v1/a%2Fb?key=a+b",
        "3",
    ]
    assert seen[":authority"] == authority
    assert (seen["authorization"], seen["x-one"]) == (f"Bearer {SECRET}", "é")
    assert seen["user-agent"].startswith("nova-core/") and "gzip" in seen["accept-encoding"]
    assert not {"transfer-encoding", "connection", "host"} & set(seen)


async def test_answers_without_bodies_and_packed_ones(transport):
    async def answers(visit: Visit) -> None:
        if visit.headers[":method"] == "HEAD":
            visit.head(content_length="1000", end=True)
        elif visit.headers[":path"] == "/nothing":
            visit.head(204, end=True)
        else:
            await visit.answer(gzip.compress(b"word" * 100_000), content_encoding="gzip")

    async with H2Server(answers) as server:
        head = await transport.open(ask(server, method="HEAD"))
        assert (head.headers["content-length"], await head.read()) == ("1000", b"")
        assert (await transport.open(ask(server, "/nothing"))).status == 204
        assert await got(transport, ask(server)) == b"word" * 100_000
        packed = await transport.open(ask(server))
        assert b"".join(await iterated(packed)) == b"word" * 100_000
        with pytest.raises(BadGatewayError, match="over 1000 bytes"):
            await got(transport, ask(server), limit=1000)
    assert len(server.peers) == 1


@pytest.mark.parametrize("read", [iterated, poured])
async def test_a_stream_comes_piece_by_piece_and_trailers_do_no_harm(transport, read):
    async def answers(visit: Visit) -> None:
        for status in (100, 103):
            visit.head(status)
        visit.head()
        for number in range(5):
            await visit.send(b"%d" % number)
            await asyncio.sleep(0.01)
        visit.peer.rules.send_headers(visit.number, [("grpc-status", "0")], end_stream=True)
        visit.peer.write()

    async with H2Server(answers) as server:
        stream = await transport.open(ask(server))
        pieces = await read(stream)
        assert b"".join(pieces) == b"01234" and len(pieces) > 1
        assert (transport.stats().open, transport.stats().idle) == (1, 1)


@pytest.mark.parametrize("kind", ["whole", "streamed", "of unknown length"])
async def test_large_bodies_go_out_and_come_back_whole_through_small_windows(make_transport, kind):
    async def answers(visit: Visit) -> None:
        await visit.answer(visit.body)

    class Unknown(InMemory):
        length = None  # type: ignore[assignment]

    body = bytes(range(256)) * 3_000
    sent = {"whole": body, "streamed": InMemory(body, piece=50_000), "of unknown length": Unknown(body)}[kind]
    async with H2Server(answers, settings={SettingCodes.INITIAL_WINDOW_SIZE: 3_000}) as server:
        transport = make_transport(read_buffer=10_000)
        assert await got(transport, ask(server, body=sent)) == body
        assert server.visits[0].headers.get("content-length") == (None if kind.startswith("of") else str(len(body)))


async def test_what_the_body_of_a_request_raises_ends_its_stream_and_no_other(transport):
    class Broken:
        length = 1_000_000

        async def chunks(self):
            yield b"a" * 1000
            await asyncio.sleep(0.01)
            raise NovaError("the caller has left")

    async with H2Server(ok) as server:
        other = asyncio.create_task(got(transport, ask(server)))
        with pytest.raises(NovaError, match="the caller has left"):
            await transport.open(ask(server, body=Broken()))
        await until(lambda: server.resets)
        assert [code for _, code in server.resets] == [ErrorCodes.CANCEL]
        assert await other == b"ok"


async def test_an_answer_that_comes_before_the_body_has_gone_is_the_answer(transport):
    async def refuses(visit: Visit) -> None:
        await visit.answer(b"too large", 413)

    async with H2Server(refuses, early=True, takes=False) as server:
        stream = await transport.open(ask(server, body=bytes(3_000_000)))
        assert (stream.status, await stream.read()) == (413, b"too large")
        await until(lambda: server.resets)
        assert await got(transport, ask(server)) == b"too large"


async def test_a_body_that_is_refused_is_sent_no_further(transport):
    async def refuses(visit: Visit) -> None:
        visit.head(413)
        for _ in range(2):
            await asyncio.sleep(0.04)
            sizes.append(len(visit.body))
        await visit.send(b"too large", end=True)

    sizes: list[int] = []
    async with H2Server(refuses, early=True) as server:
        assert await (await transport.open(ask(server, body=bytes(30_000_000)))).read() == b"too large"
    assert sizes[0] == sizes[1] < 30_000_000


async def test_bodies_take_turns(transport):
    behind: list[int] = []

    async def answers(visit: Visit) -> None:
        behind.append(len(server.visits[0].body))
        await visit.answer(b"ok")

    async with H2Server(answers, settings={SettingCodes.INITIAL_WINDOW_SIZE: 8_000_000}) as server:
        sizes = (4_000_000, 100_000, 200_000)
        await asyncio.gather(*(got(transport, ask(server, body=bytes(size))) for size in sizes))
    assert behind[0] < 500_000 and behind[1] < 1_000_000 and behind[2] == 4_000_000


# Many at once


async def test_many_requests_share_a_connection_and_none_gets_anothers_answer(transport):
    async def answers(visit: Visit) -> None:
        visit.head()
        for piece in (visit.body[:5], visit.body[5:]):
            await asyncio.sleep(0.01 * (visit.number % 5))
            await visit.send(piece)
        await visit.send(end=True)

    async with H2Server(answers) as server:
        bodies = [b"body %d" % number * 10 for number in range(90)]
        assert await asyncio.gather(*(got(transport, ask(server, body=body)) for body in bodies)) == bodies
        assert len(server.peers) == 1
        assert max(visit.number for visit in server.visits) == 2 * 90 - 1


async def test_where_a_connection_is_full_another_is_made_or_waited_for(make_transport):
    most, seen = 0, []

    async def answers(visit: Visit) -> None:
        nonlocal most
        seen.append(visit)
        busy = sum(not each.gone.is_set() for each in seen)
        most = max(most, busy)
        await asyncio.sleep(0.02)
        visit.gone.set()
        await visit.answer(b"ok")

    four = {SettingCodes.MAX_CONCURRENT_STREAMS: 4}
    async with H2Server(answers, settings=four) as server:
        transport = make_transport()
        assert await asyncio.gather(*(got(transport, ask(server)) for _ in range(12))) == [b"ok"] * 12
        assert len(server.peers) == 3
        assert all(len(peer.visits) == 4 for peer in server.peers)
    seen.clear()
    async with H2Server(answers, settings=four) as server:
        most = 0
        transport = make_transport(limit_per_host=1)
        assert await asyncio.gather(*(got(transport, ask(server)) for _ in range(12))) == [b"ok"] * 12
        assert (len(server.peers), most) == (1, 4)
        with pytest.raises(RequestTimeoutError, match="connect deadline"):
            await asyncio.gather(*(transport.open(ask(server), connect_timeout=0.01) for _ in range(5)))
    async with H2Server(settings={SettingCodes.MAX_CONCURRENT_STREAMS: 0}) as server:
        with pytest.raises(RequestTimeoutError, match="connect deadline"):
            await make_transport().open(ask(server), connect_timeout=0.05)
        assert len(server.peers) == 1


async def test_idle_connections_make_way_for_other_hosts_and_are_closed_after_a_while(make_transport):
    transport = make_transport(limit=1, keepalive_timeout=0.05)
    async with H2Server(ok) as one, H2Server(ok) as other:
        for server in (one, other, one):
            assert await got(transport, ask(server)) == b"ok"
            assert transport.stats().open == 1
        await until(lambda: transport.stats().open == 0 and len(one.goodbyes) == 2)
        assert {*one.goodbyes, *other.goodbyes} == {ErrorCodes.NO_ERROR}


async def test_who_leaves_one_of_many_streams_resets_it_alone(transport):
    async def answers(visit: Visit) -> None:
        await (forever if visit.headers[":path"] == "/forever" else never)(visit)

    async with H2Server(answers) as server:
        streams = [await transport.open(ask(server, "/forever")) for _ in range(10)]
        waiting = [asyncio.create_task(transport.open(ask(server))) for _ in range(10)]
        await until(lambda: len(server.visits) == 20)
        waiting[3].cancel()
        await streams[7].aclose()
        iterator = streams[2].chunks(1.0)
        await anext(iterator)
        await iterator.aclose()
        await until(lambda: len(server.resets) == 3)
        assert sorted(server.resets) == [(5, ErrorCodes.CANCEL), (15, ErrorCodes.CANCEL), (27, ErrorCodes.CANCEL)]
        assert all(not task.done() for task in waiting if task is not waiting[3])
        for number in (0, 1, 9):
            assert (await anext(streams[number].chunks(1.0))).startswith(b"data:")
        assert len(server.peers) == 1
        await transport.aclose()
        with pytest.raises(StreamBrokenError):
            await iterated(streams[0])
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in results].count(APIConnectionError) == 9


async def test_who_leaves_before_there_is_a_connection_ends_the_attempt(transport):
    async with H2Server(ok, greeting=b"") as server:
        task = asyncio.create_task(transport.open(ask(server)))
        await until(lambda: server.peers)
        task.cancel()
        await asyncio.wait_for(server.peers[0].closed.wait(), 2)
        assert (server.visits, transport.stats().open) == ([], 0)


async def test_a_reader_that_stops_holds_up_its_own_stream_and_no_other(make_transport):
    sent = 0

    async def answers(visit: Visit) -> None:
        nonlocal sent
        if visit.headers[":path"] == "/small":
            await visit.answer(b"ok")
            return
        visit.head()
        for _ in range(100):
            await visit.send(bytes(10_000))
            sent += 10_000
        await visit.send(end=True)

    async with H2Server(answers) as server:
        transport = make_transport(read_buffer=100_000)
        stream = await transport.open(ask(server))
        await until(lambda: sent >= 80_000)
        await asyncio.sleep(0.02)
        assert sent <= 110_000
        assert await got(transport, ask(server, "/small")) == b"ok"
        pieces = stream.chunks(2.0)
        await anext(pieces)
        await until(lambda: sent > 110_000)
        assert sent <= 250_000
        assert 1_000_000 - 100_000 <= sum([len(piece) async for piece in pieces]) <= 1_000_000
        assert len(server.peers) == 1


# Deadlines


async def test_deadlines_are_kept_and_end_the_stream_alone(transport):
    async def answers(visit: Visit) -> None:
        if visit.headers[":path"] == "/head":
            visit.head()
        await never(visit)

    async with H2Server(answers) as server:
        with pytest.raises(RequestTimeoutError, match="first byte deadline"):
            await transport.open(ask(server), first_byte_timeout=0.05)
        with pytest.raises(RequestTimeoutError, match="idle deadline"):
            await anext((await transport.open(ask(server, "/head"))).chunks(0.05))
        with pytest.raises(RequestTimeoutError, match="total deadline"):
            await (await transport.open(ask(server, "/head"))).read(deadline=time.monotonic() + 0.05)
        await until(lambda: len(server.resets) == 3)
        assert {code for _, code in server.resets} == {ErrorCodes.CANCEL}
        assert (transport.stats().open, transport.stats().idle) == (1, 1)
    async with H2Server(greeting=b"") as silent:
        with pytest.raises(RequestTimeoutError, match="connect deadline"):
            await transport.open(ask(silent), connect_timeout=0.05)


async def test_a_window_that_never_opens_ends_in_a_deadline(transport):
    async with H2Server(settings={SettingCodes.INITIAL_WINDOW_SIZE: 0}) as server:
        with pytest.raises(RequestTimeoutError, match="first byte deadline"):
            await transport.open(ask(server, body=bytes(100_000)), first_byte_timeout=0.05)
        await until(lambda: server.resets)
        assert server.visits[0].body == b""


async def test_a_connection_that_gives_no_sign_of_life_is_given_up(make_transport):
    transport = make_transport(Bounds(ping_after=0.03, ping_patience=0.2))
    async with H2Server(never) as server:
        waiting = asyncio.create_task(transport.open(ask(server)))
        await asyncio.sleep(0.35)
        assert not waiting.done()  # its pings are answered
        server.peers[0].transport.pause_reading()
        with pytest.raises(APIConnectionError, match="closed the connection before it answered"):
            await asyncio.wait_for(waiting, 2)
        assert transport.stats().open == 0


# Upstreams that stop


async def test_a_refused_stream_is_sent_once_more_and_no_other_reset_one(transport):
    codes = [ErrorCodes.REFUSED_STREAM]

    async def answers(visit: Visit) -> None:
        if codes:
            visit.reset(codes.pop(0))
        else:
            await visit.answer(visit.body)

    async with H2Server(answers) as server:
        assert await got(transport, ask(server, body=InMemory(b"again"))) == b"again"
        assert len(server.visits) == 2
        codes += [ErrorCodes.REFUSED_STREAM] * 2
        with pytest.raises(APIConnectionError, match="REFUSED_STREAM"):
            await transport.open(ask(server))
        codes += [ErrorCodes.INTERNAL_ERROR]
        with pytest.raises(APIConnectionError, match="INTERNAL_ERROR"):
            await transport.open(ask(server))
        assert (len(server.visits), len(server.peers)) == (5, 1)


async def test_a_goaway_lets_served_streams_end_and_repeats_the_others(transport):
    async def answers(visit: Visit) -> None:
        peer = visit.peer
        if len(server.peers) > 1:
            await visit.answer(b"second")
        elif visit.number == 3:
            goaway = GoAwayFrame(0, last_stream_id=1)
            visit.frames(goaway)
            await asyncio.sleep(0.02)
            await peer.visits[1].answer(b"first")

    async with H2Server(answers) as server:
        tasks = [asyncio.create_task(got(transport, ask(server))) for _ in range(2)]
        assert await asyncio.gather(*tasks) == [b"first", b"second"]
        assert await got(transport, ask(server)) == b"second"
        await asyncio.wait_for(server.peers[0].closed.wait(), 2)
        assert (len(server.peers), transport.stats().open) == (2, 1)


async def test_a_kept_connection_that_ends_is_replaced_and_a_request_that_was_heard_is_not_repeated(transport):
    async def answers(visit: Visit) -> None:
        if visit.headers[":path"] == "/ok" or len(server.peers) > 1 + visit.headers[":path"].count("head"):
            await visit.answer(b"ok")
            return
        if visit.headers[":path"] == "/head":
            visit.head()
        visit.peer.transport.close()

    async with H2Server(answers) as server:
        assert await got(transport, ask(server, "/ok")) == b"ok"
        assert await got(transport, ask(server, "/cut")) == b"ok"
        stream = await transport.open(ask(server, "/head"))
        with pytest.raises(StreamBrokenError):
            await iterated(stream)
        with pytest.raises(APIConnectionError, match="closed the connection before it answered"):
            async with H2Server(lambda visit: asyncio.sleep(0, visit.peer.transport.close())) as other:
                await transport.open(ask(other))
        gone = ask(server)
    with pytest.raises(APIConnectionError, match="cannot connect"):
        await transport.open(gone)


# Upstreams that break the rules


def block(*fields: tuple[str, str]) -> bytes:
    return hpack.Encoder().encode(fields, huffman=False)


def head(*fields: tuple[str, str], number: int = 1, flags: tuple[str, ...] = ("END_HEADERS",)) -> HeadersFrame:
    return HeadersFrame(number, block((":status", "200"), *fields), flags=flags)


def data(content: bytes = b"", *, end: bool = False, number: int = 1) -> DataFrame:
    return DataFrame(number, content, flags=["END_STREAM"] if end else [])


class Bare:
    """Bytes that are no frame."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def serialize(self) -> bytes:
        return self.content


ENDED = ("END_HEADERS", "END_STREAM")
AGAINST_THE_RULES = {
    "no status": [HeadersFrame(1, block(("a", "b")), flags=ENDED)],
    "two statuses": [HeadersFrame(1, block((":status", "200"), (":status", "200")), flags=ENDED)],
    "a status of two digits": [HeadersFrame(1, block((":status", "20")), flags=ENDED)],
    "a status that is no number": [HeadersFrame(1, block((":status", "abc")), flags=ENDED)],
    "a status after a header": [HeadersFrame(1, block(("a", "b"), (":status", "200")), flags=ENDED)],
    "an upper-case name": [head(("X-Upper", "a"), flags=ENDED)],
    "an empty name": [head(("", "a"), flags=ENDED)],
    "a line break in a value": [head(("x", "a\r\nset-cookie: b"), flags=ENDED)],
    "NUL in a value": [head(("x", "a\0b"), flags=ENDED)],
    "a header of connections": [head(("connection", "close"), flags=ENDED)],
    "a transfer coding": [head(("transfer-encoding", "chunked"), flags=ENDED)],
    "a length that is none": [head(("content-length", "+1")), data(b"a", end=True)],
    "two lengths": [head(("content-length", "1"), ("content-length", "2")), data(b"a", end=True)],
    "the same length twice": [head(("content-length", "1"), ("content-length", "1")), data(b"a", end=True)],
    "more than its length": [head(("content-length", "1")), data(b"ab", end=True)],
    "less than its length": [head(("content-length", "5")), data(b"ab", end=True)],
    "nothing of its length": [head(("content-length", "5"), flags=ENDED)],
    "trailers before its length": [
        head(("content-length", "5")),
        data(b"ab"),
        HeadersFrame(1, block(("a", "b")), flags=ENDED),
    ],
    "a body where there can be none": [HeadersFrame(1, block((":status", "204")), flags=["END_HEADERS"]), data(b"a")],
    "a body before its head": [data(b"a", end=True)],
    "too many headers": [head(*(("a", "b") for _ in range(300)), flags=ENDED)],
    "headers too large": [head(("a", "b" * 16_000), flags=()), *[ContinuationFrame(1, b"x" * 16_000)] * 5],
    "headers that unpack to too much": [
        HeadersFrame(1, block((":status", "200"), ("a", "b" * 4_000)) + b"\xbe" * 1_000, flags=ENDED)
    ],
    "headers without end": [head(flags=()), *[ContinuationFrame(1, b"")] * 2_000],
    "another frame among headers": [head(flags=()), PingFrame(0, b"12345678")],
    "headers that are none": [HeadersFrame(1, b"\xff\xff\xff\xff\xff\xff", flags=ENDED)],
    "interim answers without end": [HeadersFrame(1, block((":status", "103")), flags=["END_HEADERS"])] * 50,
    "an interim answer that is the end": [HeadersFrame(1, block((":status", "103")), flags=ENDED)],
    "an upgrade": [HeadersFrame(1, block((":status", "101")), flags=["END_HEADERS"])],
    "a push": [PushPromiseFrame(1, 2, block((":method", "GET")), flags=["END_HEADERS"])],
    "a frame that is too large": [Bare(b"\xff\xff\xff\x00\x00\x00\x00\x00\x01")],
    "a stream nobody opened": [head(number=7, flags=ENDED)],
    "a stream of servers": [head(number=2, flags=ENDED)],
    "an empty window update": [Bare(b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")],
    "a window that overflows": [WindowUpdateFrame(0, 2**31 - 1)],
    "a goaway that is too short": [Bare(b"\x00\x00\x04\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00")],
    "a ping that is too short": [Bare(b"\x00\x00\x04\x06\x00\x00\x00\x00\x00abcd")],
    "settings out of range": [SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 2**32 - 1})],
    "settings without end": [SettingsFrame(0, {})] * 5_000,
    "pings without end": [PingFrame(0, b"12345678")] * 5_000,
    "unknown frames without end": [ExtensionFrame(0x42, 0)] * 5_000,
    "empty pieces without end": [head(), *[data()] * 5_000],
}


@pytest.mark.parametrize("frames", AGAINST_THE_RULES.values(), ids=AGAINST_THE_RULES)
async def test_an_answer_against_the_rules_is_an_error_and_the_next_request_goes_well(transport, frames):
    async def answers(visit: Visit) -> None:
        if len(server.visits) > 1:
            await visit.answer(b"ok")
            return
        visit.frames(*frames)

    async with H2Server(answers) as server:
        with pytest.raises((APIConnectionError, StreamBrokenError)) as caught:
            await iterated(await transport.open(ask(server, headers=(("x-api-key", SECRET),)), first_byte_timeout=1.0))
        assert not isinstance(caught.value, RequestTimeoutError)
        assert SECRET not in str(caught.value) and caught.value.__cause__ is None
        assert await got(transport, ask(server)) == b"ok"


async def test_an_answer_with_a_wrong_length_ends_alone_where_it_can(transport):
    async def answers(visit: Visit) -> None:
        if visit.number == 1:
            visit.frames(head(("content-length", "5"), flags=ENDED))
        else:
            await asyncio.sleep(0.02)
            await visit.answer(b"ok")

    async with H2Server(answers) as server:
        wrong, right = await asyncio.gather(*(got(transport, ask(server)) for _ in range(2)), return_exceptions=True)
        assert isinstance(wrong, APIConnectionError)
        assert right == b"ok"


async def test_what_is_no_http2_at_all_is_said_so(transport):
    async with RawServer(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n") as old:
        with pytest.raises(APIConnectionError, match=r"it answers in HTTP/1\.1") as caught:
            await transport.open(ask(old), connect_timeout=1.0)
        assert "http2_hosts" in caught.value.hint
    for greeting in (b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"):
        async with H2Server(greeting=greeting) as server:
            with pytest.raises(APIConnectionError, match="is not HTTP"):
                await transport.open(ask(server), connect_timeout=1.0)
    assert transport.stats().open == 0


class Unread(asyncio.Transport):
    """A socket whose other side never reads."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.aborted = False

    def write(self, data) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def abort(self) -> None:
        self.aborted = True


def connected(**changes) -> tuple[Http2Connection, Unread]:
    """A connection that has heard the settings of its upstream, and the socket that it writes to."""
    codings, address = Codings(), Address("http", "upstream", 80)
    pool = Http2Pool(TransportOptions(), Bounds(**changes), Dialer(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)), codings)
    connection, socket = Http2Connection(pool, pool.origin(address), asyncio.get_running_loop()), Unread()
    connection.connection_made(socket)
    connection.data_received(SettingsFrame(0, {}).serialize())
    return connection, socket


async def asked(connection: Http2Connection) -> asyncio.Task:
    """A request that waits for its answer."""
    request = UpstreamRequest("http://upstream/", method="GET")
    fields = fields_of(request, parse_target(request.url), "gzip")
    task = asyncio.create_task(connection.line().ask(fields, request, asyncio.get_running_loop().time() + 5.0))
    await asyncio.sleep(0)
    return task


async def test_a_server_that_has_everything_answered_and_reads_nothing_is_left(monkeypatch):
    """Each frame of a stream that was reset asks for one in return."""
    monkeypatch.setattr(http2_connection, "MOST_UNREAD", 20_000)
    connection, socket = connected()
    task = await asked(connection)
    connection.data_received(head().serialize())
    await (await task).aclose()
    for _ in range(20):
        connection.data_received(data(b"b").serialize() * 500)
        await asyncio.sleep(0)
    assert connection.closed and socket.aborted
    assert len(socket.written) < 30_000


FRAMES = st.builds(
    lambda kind, flags, number, body: len(body).to_bytes(3) + bytes((kind, flags)) + number.to_bytes(4) + body,
    st.integers(0, 11),
    st.sampled_from([0, 1, 4, 5, 8, 12, 0x20, 0xFF]),
    st.sampled_from([0, 1, 1, 1, 3, 2, 2**31 - 1]),
    st.one_of(
        st.binary(max_size=24),
        st.sampled_from([block((":status", "200")), block((":status", "100")), block((":status", "200"), ("a", "b"))]),
        st.sampled_from([b"\0\0\0\1", b"\0\0\0\1\0\0\0\0", bytes(8), b"\0\4\0\0\0\1"]),
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FRAMES, max_size=12), st.integers(1, 40), st.binary(max_size=12))
async def test_whatever_comes_is_an_answer_or_an_error_and_nothing_else(frames, size, rest):
    connection, socket = connected()
    task = await asked(connection)
    content = b"".join(frames) + rest
    for start in range(0, len(content), size):
        connection.data_received(content[start : start + size])
        await asyncio.sleep(0)
    connection.eof_received()
    try:
        stream = await task
        await iterated(stream)
    except (Fault, NovaError):
        pass
    assert connection.closed and not connection.lines
    connection.connection_lost(None)
    assert socket.aborted


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": (("x", "a\r\nb: c"),)},
        {"headers": (("x y", "a"),)},
        {"headers": ((":path", "/other"),)},
        {"headers": (("", "a"),)},
        {"method": "GET / HTTP/1.1\r\n"},
        {"method": "CONNECT"},
    ],
)
async def test_a_request_that_would_be_malformed_is_not_sent(transport, changes):
    async with H2Server() as server:
        with pytest.raises(APIConnectionError, match="cannot be sent"):
            await transport.open(ask(server, **changes))
        assert server.peers == []


async def test_secrets_are_never_put_into_the_tables_of_compression_nor_logged(transport, caplog):
    caplog.set_level(logging.DEBUG)
    headers = (("x-api-key", SECRET), ("authorization", f"Bearer {SECRET}"), ("x-plain", "plain-value"))
    async with H2Server() as server:
        for _ in range(2):
            await got(transport, ask(server, headers=headers))
        table = [value for peer in server.peers for _, value in peer.rules.decoder.header_table.dynamic_entries]
    assert b"plain-value" in table
    assert not [value for value in table if SECRET.encode() in value]
    assert not [record for record in caplog.records if record.name.startswith("hpack")]


async def test_an_upstream_cannot_have_more_remembered_than_is_good_for_us(transport):
    async with H2Server(settings={SettingCodes.HEADER_TABLE_SIZE: 2**30}) as server:
        for _ in range(2):
            await got(transport, ask(server))
        assert server.peers[0].rules.decoder.header_table.maxsize == 64 * 1024


# Choosing the protocol


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.set_alpn_protocols(["h2"])
    return context


async def test_over_tls_certificates_are_checked_and_the_protocol_is_agreed_upon(make_transport, certificate, tls):
    async with H2Server(tls=tls) as server:
        with pytest.raises(APIConnectionError, match="certificate of the upstream"):
            await make_transport(ssl_verify=True).open(ask(server))
        transport = make_transport(ssl_verify=str(certificate[0]))
        assert await asyncio.gather(*(got(transport, ask(server)) for _ in range(5))) == [b"ok"] * 5
        assert server.visits[0].headers[":scheme"] == "https"
        connected = [peer for peer in server.peers if peer.visits]
        assert len(connected) == 1
        with pytest.raises(APIConnectionError, match="localhost"):
            await transport.open(UpstreamRequest(server.url.replace("127.0.0.1", "localhost")))


async def test_an_upstream_that_chooses_http1_is_called_by_that_and_not_asked_again(make_transport, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.set_alpn_protocols(["http/1.1"])
    handshakes: list[str | None] = []
    context.sni_callback = lambda _, name, __: handshakes.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nold")

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    transport = make_transport()
    for _ in range(5):
        assert await got(transport, UpstreamRequest(url, method="GET")) == b"old"
    assert len(handshakes) == 2
    assert transport.stats().open == 0
    server.close()


async def test_an_upstream_that_asks_for_http1_gets_it():
    class Otherwise:
        async def open(self, request, *, first_byte_timeout=None, connect_timeout=None):
            raise NovaError(f"asked by HTTP/1.1 with {request.content!r}")

    transport = Http2Transport(TransportOptions(), Otherwise())
    async with H2Server(lambda visit: asyncio.sleep(0, visit.reset(ErrorCodes.HTTP_1_1_REQUIRED))) as server:
        for _ in range(2):
            with pytest.raises(NovaError, match=r"asked by HTTP/1\.1 with b'{}'"):
                await transport.open(ask(server, body=b"{}"))
        assert len(server.visits) == 1
        await transport.aclose()


async def test_the_gateways_transport_speaks_http2_to_the_hosts_that_are_named(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    transport = default_transport(TransportOptions(http2_hosts=("127.0.0.1",)))
    async with H2Server() as server:
        request = ask(server, body=b"{}")
        assert await got(transport, request) == b"ok"
        assert transport.kept(request, 1.0) is None
        assert (transport.stats().open, transport.stats().idle) == (1, 1)
        await transport.aclose()
        assert transport.stats().open == 0
    lenient = default_transport(TransportOptions(http2_hosts=("127.0.0.1",), lenient_hosts=("127.0.0.1",)))
    async with RawServer(b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok") as old:
        assert await got(lenient, ask(old)) == b"ok"
    await lenient.aclose()
    monkeypatch.setattr(transport_default, "http2_installed", lambda: False)
    with pytest.raises(ConfigurationError, match="http2_hosts") as caught:
        default_transport(TransportOptions(http2_hosts=("127.0.0.1",)))
    assert caught.value.hint == "pip install 'nova-core[http2]'"


def test_a_configuration_that_needs_http2_where_it_is_missing_is_said_so_by_line(monkeypatch, tmp_path):
    file = tmp_path / "nova.yaml"
    model = "{model_name: m, litellm_params: {model: echo/m}}"
    file.write_text(f"model_list: [{model}]\nnova_settings: {{http2_hosts: [x]}}\n")
    assert check_file(file) == []
    monkeypatch.setattr(check_http2, "http2_installed", lambda: False)
    (problem,) = check_file(file)
    assert (problem.severity, problem.code) == ("error", "http2_missing")
    assert problem.hint == "pip install 'nova-core[http2]'"
    assert problem.render().startswith(f"{file}:2")
    with pytest.raises(ConfigError, match="http2_hosts"):
        Gateway.from_config(file)


# The same as another client


async def test_the_same_answers_are_read_as_another_client_reads_them(transport):
    bodies = [b"", b"a", bytes(range(256)) * 700, "schön".encode()]
    packed = gzip.compress(b"again " * 50_000)
    corpus = [
        *((200, body, {}) for body in bodies),
        (404, b'{"error":{}}', {"content_type": "application/json"}),
        (302, b"", {"location": "/elsewhere"}),
        (200, packed, {"content_encoding": "gzip"}),
        (503, b"later", {"retry_after": "1", "set_cookie": "a=b"}),
        (204, b"", {}),
    ]

    async def answers(visit: Visit) -> None:
        status, body, headers = corpus[int(visit.headers[":path"][1:])]
        await visit.answer(body, status, **headers)

    async with H2Server(answers) as server, httpx.AsyncClient(http1=False, http2=True) as client:
        for number in range(len(corpus)):
            theirs = await client.post(f"{server.url}/{number}", content=b"x")
            stream = await transport.open(ask(server, f"/{number}", body=b"x"))
            ours = (stream.status, dict(stream.headers), await stream.read())
            assert ours == (theirs.status_code, dict(theirs.headers), theirs.content)
            again = await transport.open(ask(server, f"/{number}", body=b"x"))
            assert b"".join(await iterated(again)) == theirs.content
