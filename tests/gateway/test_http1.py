"""Our own HTTP/1.1 client keeps to the rules, and closes the connection of whoever does not."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import random
import socket
import subprocess
import sys
import time
import zlib
from collections import Counter

import pytest

from nova_core.errors import APIConnectionError, BadGatewayError, NovaError, RequestTimeoutError, StreamBrokenError
from nova_core.gateway.http1 import Http1Transport
from nova_core.gateway.transport import TransportOptions
from nova_core.gateway.transport_default import AutoTransport, default_transport
from nova_core.types.upstream import UpstreamRequest
from tests.gateway.rawserver import RawServer

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
SECRET = "sk-very-secret"


@pytest.fixture
async def transport():
    made = Http1Transport(TransportOptions(first_byte_timeout=5.0, body_timeout=5.0, ssl_verify=False))
    yield made
    await made.aclose()


def ask(server: RawServer, method: str = "POST", path: str = "/", **changes) -> UpstreamRequest:
    return UpstreamRequest(server.url + path, method=method, **changes)


async def got(transport, request: UpstreamRequest, **limits) -> bytes:
    stream = await transport.open(request)
    return await stream.read(**limits)


async def iterated(transport, request: UpstreamRequest) -> list[bytes]:
    stream = await transport.open(request)
    try:
        return [piece async for piece in stream.chunks(2.0)]
    finally:
        await stream.aclose()


async def poured(transport, request: UpstreamRequest) -> list[bytes]:
    pieces: list[bytes] = []

    def take(piece: bytes) -> bool:
        pieces.append(piece)
        return len(pieces) % 2 == 0

    stream = await transport.open(request)
    try:
        await stream.chunks(2.0).pour(take, lambda: asyncio.sleep(0))
    finally:
        await stream.aclose()
    return pieces


@pytest.fixture(params=[iterated, poured])
def streamed(request):
    """The two ways to read an answer piece by piece."""
    return request.param


HEADS_THAT_ARE_REFUSED = {
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "another protocol of the parser's": b"RTSP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "lower-case version": b"http/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status 000": b"HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n",
    "status 600": b"HTTP/1.1 600 OK\r\ncontent-length: 0\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "two spaces": b"HTTP/1.1  200 OK\r\n\r\n",
    "an empty line before it": b"\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "line feeds alone": b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
    "line feed alone in a header": b"HTTP/1.1 200 OK\r\nx: a\ny: b\r\n\r\n",
    "carriage return alone": b"HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n",
    "carriage return in the reason": b"HTTP/1.1 200 a\rb\r\ncontent-length: 0\r\n\r\n",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
    "NUL in the reason": b"HTTP/1.1 200 a\0b\r\ncontent-length: 0\r\n\r\n",
    "NUL in a name": b"HTTP/1.1 200 OK\r\nx\0: b\r\n\r\n",
    "a control character": b"HTTP/1.1 200 OK\r\nx: a\x01b\r\n\r\n",
    "a folded header": b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n",
    "a fold at the beginning": b"HTTP/1.1 200 OK\r\n x: a\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok",
    "no colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    "no name": b"HTTP/1.1 200 OK\r\n: a\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
    "two equal lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
    "a list of lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok",
    "a signed length": b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok",
    "a negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok",
    "a length in hexadecimal": b"HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\nok",
    "an empty length": b"HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nok",
    "a length that overflows": b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nok",
    "length, then chunks": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks, then length": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n",
    "an unknown transfer coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "another transfer coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nok",
    "two transfer codings": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    "an upgrade without a protocol": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 201 + b"content-length: 0\r\n\r\n",
    "headers too large": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
    "headers that never end": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000,
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + OK,
    "a malformed interim answer": b"HTTP/1.1 100 Continue\r\nx\r\n\r\n" + OK,
}


@pytest.mark.parametrize("head", HEADS_THAT_ARE_REFUSED.values(), ids=HEADS_THAT_ARE_REFUSED)
async def test_a_head_that_breaks_the_rules_is_refused_although_the_connection_stays_open(transport, head):
    async with RawServer(head) as server:
        with pytest.raises(APIConnectionError, match="is not HTTP") as caught:
            await transport.open(ask(server), first_byte_timeout=2.0)
        assert transport.stats().open == 0
        assert caught.value.__cause__ is None
        await server.until_closed()


@pytest.mark.parametrize("head", HEADS_THAT_ARE_REFUSED.values(), ids=HEADS_THAT_ARE_REFUSED)
async def test_a_head_that_comes_byte_by_byte_is_refused_just_the_same(transport, upstream, head):
    pieces = [bytes([code]) for code in head[:300]] + [head[300:]]
    async with RawServer(pieces, close=True) as server:
        with pytest.raises(APIConnectionError):
            await transport.open(ask(server), first_byte_timeout=2.0)
        assert transport.stats().open == 0


BODIES_THAT_ARE_REFUSED = {
    "no size": b"\r\nok\r\n0\r\n\r\n",
    "a size with a prefix": b"0x2\r\nok\r\n0\r\n\r\n",
    "a signed size": b"+2\r\nok\r\n0\r\n\r\n",
    "a negative size": b"-2\r\nok\r\n0\r\n\r\n",
    "a space before the size": b" 2\r\nok\r\n0\r\n\r\n",
    "a space after the size": b"2 \r\nok\r\n0\r\n\r\n",
    "an underscore in the size": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "a size that overflows": b"fffffffffffffffff\r\nok\r\n0\r\n\r\n",
    "line feeds alone": b"2\nok\n0\n\n",
    "nothing after a chunk": b"2\r\nokX0\r\n\r\n",
    "more than the size": b"2\r\nokay\r\n0\r\n\r\n",
    "line feed in an extension": b"2;a\nok\r\n0\r\n\r\n",
    "carriage return in an extension": b"2;a\rb\r\nok\r\n0\r\n\r\n",
    "a length in the trailers": b"2\r\nok\r\n0\r\ncontent-length: 2\r\n\r\n",
    "nonsense in the trailers": b"2\r\nok\r\n0\r\nnonsense\r\n\r\n",
    "an extension without end": b"2;" + b"a" * 500_000,
    "trailers without end": b"2\r\nok\r\n0\r\n" + b"x: y\r\n" * 100_000,
}


@pytest.mark.parametrize("body", BODIES_THAT_ARE_REFUSED.values(), ids=BODIES_THAT_ARE_REFUSED)
@pytest.mark.parametrize("apart", [False, True], ids=["with the head", "after the head"])
async def test_chunks_that_break_the_rules_are_errors_and_close_the_connection(transport, streamed, body, apart):
    script = [CHUNKED, body] if apart else CHUNKED + body
    async with RawServer(script, gap=0.02) as server:
        stream = await transport.open(ask(server))
        with pytest.raises(APIConnectionError, match="broke off"):
            await stream.read(deadline=time.monotonic() + 2.0)
        assert transport.stats().open == 0
    async with RawServer(script, gap=0.02) as server:
        with pytest.raises(StreamBrokenError, match="broke off"):
            await streamed(transport, ask(server))
        assert transport.stats().open == 0
        await server.until_closed()


async def test_what_came_before_a_broken_chunk_is_still_delivered(transport):
    async with RawServer(CHUNKED + b"2\r\nok\r\nnonsense\r\n") as server:
        chunks = (await transport.open(ask(server))).chunks(2.0)
        assert await anext(chunks) == b"ok"
        with pytest.raises(StreamBrokenError):
            await anext(chunks)


SURPLUS = {
    "an answer behind an answer": OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
    "a byte too many": OK + b"!",
    "a line break too many": OK + b"\r\n",
    "a byte behind the last chunk": CHUNKED + b"2\r\nok\r\n0\r\n\r\n!",
    "a line break behind the last chunk": CHUNKED + b"2\r\nok\r\n0\r\n\r\n\r\n",
    "a line feed behind the last chunk": CHUNKED + b"2\r\nok\r\n0\r\n\r\n\n",
    "a line break behind trailers": CHUNKED + b"2\r\nok\r\n0\r\nx: y\r\n\r\n\r\n",
    "an answer behind chunks": CHUNKED + b"2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
    "a closing answer with more": b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok!!",
    "closing chunks with more": CHUNKED.replace(b"OK\r\n", b"OK\r\nconnection: close\r\n") + b"2\r\nok\r\n0\r\n\r\n!!",
}


@pytest.mark.parametrize("raw", SURPLUS.values(), ids=SURPLUS)
@pytest.mark.parametrize("split", [0, 1, 2, 3, 4], ids="split {}".format)
async def test_a_connection_with_bytes_behind_its_answer_is_never_used_again(transport, raw, split):
    script = [raw[:-split], raw[-split:]] if split else [raw]
    async with RawServer(script, OK) as server:
        assert await got(transport, ask(server)) == b"ok"
        await server.until_closed()
        assert transport.stats().open == 0
        assert await got(transport, ask(server)) == b"ok"
        assert server.on == [1, 2]


async def test_bytes_on_an_idle_connection_close_it(transport):
    async with RawServer([OK, b"HTTP/1.1 408 Request Timeout\r\n\r\n"], OK, gap=0.03) as server:
        assert await got(transport, ask(server)) == b"ok"
        assert transport.stats().idle == 1
        await server.until_closed()
        assert (transport.stats().open, transport.stats().idle) == (0, 0)


class Asking:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def answered(self, head, body) -> None:
        self.told.append(f"answered {body}")

    def unanswered(self) -> None:
        self.told.append("unanswered")


async def test_bytes_that_come_before_a_request_was_written_are_no_answer_to_it(transport):
    async with RawServer(OK, OK.replace(b"ok", b"so")) as server:
        assert await got(transport, ask(server)) == b"ok"
        request, asking = ask(server, body=b"x"), Asking()
        sent = transport.kept(request, 5.0)
        assert sent is not None
        sent.send(asking)
        sent.connection.data_received(OK)  # in the round of the event loop that sends the request at its end
        assert asking.told == ["unanswered"]
        stream = await transport.open(request, first_byte_timeout=5.0, sent=sent)
        assert (await stream.read(), server.on) == (b"so", [1, 2])


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n"),
        ("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n"),
    ],
)
async def test_answers_without_a_body_end_with_their_head_and_keep_the_connection(transport, streamed, method, raw):
    async with RawServer(raw) as server:
        assert await got(transport, ask(server, method)) == b""
        assert await streamed(transport, ask(server, method)) == []
        assert server.on == [1, 1]


async def test_interim_answers_are_skipped(transport):
    raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\ncontent-length: 3\r\n\r\n" + OK
    async with RawServer(raw, [raw[:30], raw[30:60], raw[60:]]) as server:
        assert await got(transport, ask(server)) == b"ok"
        stream = await transport.open(ask(server))
        assert (await stream.read(), "link" in stream.headers) == (b"ok", False)
        assert server.on == [1, 1]


async def test_repeated_headers_are_joined_and_space_around_values_is_gone(transport):
    raw = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:2  \r\nEmpty:\r\nX-A:   3\t\r\ncontent-length: 2\r\n\r\nok"
    async with RawServer(raw) as server:
        stream = await transport.open(ask(server))
        assert dict(stream.headers) == {"x-a": "1, 2, 3", "empty": "", "content-length": "2"}


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n", True),
        (b"HTTP/1.1 200 OK\r\nconnection: Close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nconnection: x, close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\nconnection: keep-alive\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n", True),
    ],
)
async def test_a_connection_is_kept_only_where_both_sides_agree(transport, head, kept):
    async with RawServer(head + b"content-length: 2\r\n\r\nok") as server:
        assert await got(transport, ask(server)) == b"ok"
        assert transport.stats().idle == int(kept)


async def test_a_body_may_last_until_the_connection_closes(transport, streamed):
    async with RawServer([b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo"], close=True) as server:
        assert await got(transport, ask(server)) == b"hello"
        assert b"".join(await streamed(transport, ask(server))) == b"hello"
        assert transport.stats().open == 0


async def test_a_body_that_lasts_until_a_reset_is_cut_short(transport):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhel")
        await asyncio.sleep(0.05)
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stream = await transport.open(UpstreamRequest(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
    with pytest.raises(APIConnectionError, match="broke off"):
        await stream.read()
    server.close()


REQUESTS_THAT_ARE_REFUSED = {
    "line break in a value": {"headers": (("x", f"{SECRET}\r\nevil: 1"),)},
    "line feed in a value": {"headers": (("x", f"{SECRET}\nevil: 1"),)},
    "carriage return in a value": {"headers": (("x", f"{SECRET}\revil: 1"),)},
    "NUL in a value": {"headers": (("x", f"{SECRET}\0"),)},
    "two halves of a line break": {"headers": (("x", f"{SECRET}\r"), ("\ny", "1"))},
    "line break in a name": {"headers": (("x\r\nevil", SECRET),)},
    "colon in a name": {"headers": (("x: y\r\nevil", SECRET),)},
    "space in a name": {"headers": (("content-length ", SECRET),)},
    "no name": {"headers": (("", SECRET),)},
    "line break in the method": {"method": "GET / HTTP/1.1\r\nevil: 1\r\n\r\nGET"},
    "space in the method": {"method": "GET /evil"},
    "a tunnel": {"method": "CONNECT"},
    "half a character": {"headers": (("x", SECRET + "\ud800"),)},
}


@pytest.mark.parametrize("changes", REQUESTS_THAT_ARE_REFUSED.values(), ids=REQUESTS_THAT_ARE_REFUSED)
async def test_a_request_that_would_be_two_is_not_sent(transport, changes):
    async with RawServer(OK) as server:
        with pytest.raises(APIConnectionError, match="cannot be sent") as caught:
            await transport.open(ask(server, **changes))
        assert SECRET not in f"{caught.value!r} {caught.value.hint}"
        assert (server.connections, server.heads) == (0, [])


@pytest.mark.parametrize("path", ["/a\r\nevil: 1", "/a b", "/\0", "/a\tb", "/ü\n"])
async def test_a_url_with_white_space_is_not_sent(transport, path):
    async with RawServer(OK) as server:
        with pytest.raises(APIConnectionError, match="not an http or https URL"):
            await transport.open(ask(server, path=path))
        assert server.connections == 0


async def test_framing_is_the_transports_own(transport):
    headers = (
        ("Content-Length", "99"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "upgrade"),
        ("Upgrade", "h2c"),
    )
    async with RawServer(OK) as server:
        await got(transport, ask(server, body=b"body", headers=headers))
        head = server.heads[0].lower()
        assert (head.count(b"content-length"), server.bodies) == (1, [b"body"])
        assert not any(name in head for name in (b"transfer-encoding", b"connection", b"upgrade"))


async def test_the_request_line_the_host_and_the_defaults_are_what_servers_expect(transport):
    async with RawServer(OK) as server:
        await got(transport, ask(server, "GET", path="?q=a%20b"))
        await got(transport, ask(server, "POST", headers=(("Host", "other"), ("User-Agent", "me"))))
        await got(transport, UpstreamRequest(f"http://us%40er:pa%3Ass@127.0.0.1:{server.port}/ä#part", method="GET"))
        first, second, third = (head.decode().split("\r\n") for head in server.heads)
    assert first[0] == "GET /?q=a%20b HTTP/1.1"
    assert first[1].startswith("host: 127.0.0.1:")
    assert any(line.startswith("user-agent: nova-core/") for line in first)
    assert not any(line.startswith("content-length") for line in first)
    assert [line for line in second if line.lower().startswith(("host", "user-agent"))] == [
        "Host: other",
        "User-Agent: me",
    ]
    assert "content-length: 0" in second
    assert third[0] == "GET /%C3%A4 HTTP/1.1"
    assert "authorization: Basic dXNAZXI6cGE6c3M=" in third


async def test_an_address_of_version_6_is_reached_and_named_in_brackets(transport):
    async def serve(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    heads: list[bytes] = []
    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    port = server.sockets[0].getsockname()[1]
    assert await got(transport, UpstreamRequest(f"http://[::1]:{port}/")) == b"ok"
    assert f"host: [::1]:{port}\r\n".encode() in heads[0]
    server.close()
    with pytest.raises(APIConnectionError, match=r"cannot connect to the upstream \[::1\]:1: connection refused"):
        await transport.open(UpstreamRequest("http://[::1]:1/"))


async def test_packed_answers_are_asked_for_except_of_streams(transport):
    async with RawServer(OK) as server:
        await got(transport, ask(server))
        await got(transport, ask(server, stream=True))
        await got(transport, ask(server, headers=(("Accept-Encoding", "x"),)))
        accepted = [
            [line for line in head.lower().split(b"\r\n") if line.startswith(b"accept-encoding")]
            for head in server.heads
        ]
    assert accepted[0][0].startswith(b"accept-encoding: gzip, deflate")
    assert accepted[1:] == [[b"accept-encoding: identity"], [b"accept-encoding: x"]]


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def brotli(data: bytes) -> bytes:
    return pytest.importorskip("brotli", minversion="1.2").compress(data)


def zstd(data: bytes) -> bytes:
    return pytest.importorskip("backports.zstd").compress(data)


CODINGS = {
    "gzip": ("gzip", gzip.compress),
    "gzip of two members": ("x-gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without a wrapper": ("Deflate", bare_deflate),
    "brotli": ("br", brotli),
    "zstd": ("zstd", zstd),
    "twice": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
}


def packed_answer(coding: str, body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (coding.encode(), len(body)) + body
    )


@pytest.mark.parametrize(("coding", "pack"), CODINGS.values(), ids=CODINGS)
async def test_packed_answers_come_unpacked_whole_and_streamed(transport, streamed, coding, pack):
    plain = b"".join(b'{"number":%d}' % number for number in range(100_000))
    raw = packed_answer(coding, pack(plain))
    async with RawServer([raw[at : at + 5_000] for at in range(0, len(raw), 5_000)]) as server:
        assert await got(transport, ask(server)) == plain
        assert b"".join(await streamed(transport, ask(server))) == plain
        assert server.on == [1, 1]


@pytest.mark.parametrize(("coding", "pack"), CODINGS.values(), ids=CODINGS)
async def test_a_packed_answer_that_stops_early_is_broken(transport, streamed, coding, pack):
    packed = pack(bytes(range(256)) * 40)
    async with RawServer(packed_answer(coding, packed[: len(packed) - 5])) as server:
        with pytest.raises(APIConnectionError, match="broke off"):
            await got(transport, ask(server))
        with pytest.raises(StreamBrokenError, match="broke off"):
            await streamed(transport, ask(server))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "compress", "gzip, gzip, gzip"])
async def test_what_is_not_packed_as_it_says_is_an_error(transport, streamed, coding):
    async with RawServer(packed_answer(coding, b"not packed at all")) as server:
        with pytest.raises(APIConnectionError, match="packed it wrongly"):
            await got(transport, ask(server))
        with pytest.raises(StreamBrokenError):
            await streamed(transport, ask(server))


@pytest.mark.parametrize(("coding", "pack"), CODINGS.values(), ids=CODINGS)
async def test_an_answer_packed_to_explode_stops_at_the_limit(transport, coding, pack):
    packed = pack(bytes(50_000_000))
    async with RawServer(packed_answer(coding, packed)) as server:
        with pytest.raises(BadGatewayError, match="over 1000 bytes"):
            await got(transport, ask(server), limit=1000)
        stream = await transport.open(ask(server))
        sizes = [len(piece) async for piece in stream.chunks(2.0)]
        assert (sum(sizes), max(sizes) <= 1 << 20) == (50_000_000, True)


async def test_the_limit_counts_before_a_body_has_come(transport):
    async with RawServer(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nbeginning") as server:
        with pytest.raises(BadGatewayError, match="over 500 bytes"):
            await got(transport, ask(server), limit=500)
        assert transport.stats().open == 0
    async with RawServer(CHUNKED + b"fff\r\n" + b"x" * 0xFFF) as server:
        with pytest.raises(BadGatewayError, match="over 500 bytes"):
            await got(transport, ask(server), limit=500)
        assert transport.stats().open == 0


async def test_an_upstream_is_slowed_down_by_a_reader_that_does_not_read(transport):
    sent = 0

    async def serve(reader, writer):
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1000):
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stream = await transport.open(UpstreamRequest(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
    await asyncio.sleep(0.3)
    assert sent < 30_000_000
    assert sum([len(piece) async for piece in stream.chunks(2.0)]) == 100_000_000
    server.close()


async def test_nothing_is_taken_from_an_upstream_while_the_taker_says_no(transport):
    sent, taken = 0, 0
    go_on = asyncio.Event()

    async def serve(reader, writer):
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1000):
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000
        writer.close()

    def take(piece: bytes) -> bool:
        nonlocal taken
        taken += len(piece)
        return go_on.is_set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stream = await transport.open(UpstreamRequest(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
    pouring = asyncio.ensure_future(stream.chunks(2.0).pour(take, go_on.wait))
    await asyncio.sleep(0.3)
    assert 0 < taken < 1_000_000
    assert sent < 30_000_000
    go_on.set()
    await pouring
    assert taken == 100_000_000
    server.close()


async def test_what_the_taker_raises_ends_the_pouring_and_closes_the_connection(transport):
    def take(piece: bytes) -> bool:
        raise NovaError("no more")

    async with RawServer(CHUNKED + b"1\r\na\r\n") as server:
        stream = await transport.open(ask(server))
        with pytest.raises(NovaError, match="no more"):
            await stream.chunks(2.0).pour(take, lambda: asyncio.sleep(0))
        assert transport.stats().open == 0


async def test_each_poured_piece_starts_the_time_of_silence_anew(transport):
    times: list[float] = []

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(4):
            await asyncio.sleep(0.2)
            writer.write(b"x")
        await reader.read()
        writer.close()

    def take(piece: bytes) -> bool:
        times.append(time.monotonic())
        return True

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stream = await transport.open(UpstreamRequest(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
    with pytest.raises(StreamBrokenError, match=r"within 0\.4 s"):
        await stream.chunks(0.4).pour(take, lambda: asyncio.sleep(0))
    assert len(times) == 4
    assert 0.3 < time.monotonic() - times[-1] < 1.0
    assert transport.stats().open == 0
    server.close()


async def test_a_large_request_is_sent_whole_to_a_slow_reader(transport):
    body = bytes(range(256)) * 40_000
    received = bytearray()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        while len(received) < len(body):
            received.extend(await reader.read(100_000))
            await asyncio.sleep(0)
        writer.write(OK)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    assert await got(transport, UpstreamRequest(url, body=body)) == b"ok"
    assert received == body
    assert transport.stats().idle == 1
    server.close()


async def test_an_answer_that_comes_before_the_request_was_sent_is_taken_and_the_connection_closed(transport):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await asyncio.sleep(2)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    stream = await transport.open(UpstreamRequest(url, body=bytes(64_000_000)), first_byte_timeout=1.5)
    assert (stream.status, await stream.read()) == (413, b"big")
    assert transport.stats().open == 0
    server.close()


async def test_a_large_request_is_sent_on_beside_an_answer_that_has_begun(transport):
    body, received = bytes(range(256)) * 40_000, bytearray()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"5\r\nbegun\r\n")
        while len(received) < len(body):
            received.extend(await reader.read(100_000))
        writer.write(b"6\r\n, done\r\n0\r\n\r\n")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    assert await got(transport, UpstreamRequest(url, body=body)) == b"begun, done"
    assert received == body
    assert transport.stats().idle == 1
    server.close()


async def test_a_request_that_nobody_takes_ends_at_the_first_byte_deadline(transport):
    async def serve(reader, writer):
        await asyncio.sleep(2)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(RequestTimeoutError, match="first byte"):
        await transport.open(UpstreamRequest(url, body=bytes(64_000_000)), first_byte_timeout=0.2)
    assert transport.stats().open == 0
    server.close()


async def test_an_idle_connection_ends_after_its_time():
    transport = Http1Transport(TransportOptions(keepalive_timeout=0.5))
    async with RawServer(OK) as server:
        await got(transport, ask(server))
        assert transport.stats().idle == 1
        await asyncio.sleep(0.3)
        await got(transport, ask(server))
        await asyncio.sleep(0.3)
        assert transport.stats().idle == 1
        await server.until_closed()
        assert (transport.stats().open, server.connections) == (0, 1)
    await transport.aclose()


async def test_an_idle_connection_that_the_upstream_closes_is_forgotten(transport):
    async with RawServer(OK, close=True) as server:
        await got(transport, ask(server))
        await server.until_closed()
        await asyncio.sleep(0.02)
        assert transport.stats().open == 0


async def test_the_latest_used_connection_is_used_first(transport):
    async with RawServer(OK, gap=0.02) as server:
        await asyncio.gather(*(got(transport, ask(server)) for _ in range(3)))
        assert transport.stats().idle == 3
        await got(transport, ask(server))
        await got(transport, ask(server))
        assert len(set(server.on[3:])) == 1


async def test_a_connection_that_answered_a_byte_is_not_tried_again(transport):
    async with RawServer(OK, b"H", close=False) as server:
        await got(transport, ask(server))
        server.close = True
        with pytest.raises(APIConnectionError, match="closed the connection before it answered"):
            await got(transport, ask(server))
        assert len(server.heads) == 2


async def test_those_who_wait_for_a_connection_are_served_in_order():
    transport = Http1Transport(TransportOptions(limit_per_host=2))
    done: list[int] = []

    async def one(number: int) -> None:
        assert await got(transport, ask(server)) == b"ok"
        done.append(number)

    async with RawServer(OK, gap=0.005) as server:
        await asyncio.gather(*(one(number) for number in range(12)))
        assert done == sorted(done)
        assert server.connections == 2
    await transport.aclose()


async def test_waiting_that_is_given_up_costs_nobody_a_connection():
    transport = Http1Transport(TransportOptions(limit=1))
    async with RawServer([b"HTTP/1.1 200 OK\r\n", b"content-length: 2\r\n\r\nok"], gap=0.03) as server:
        for _ in range(5):
            tasks = [asyncio.create_task(got(transport, ask(server))) for _ in range(6)]
            await asyncio.sleep(0.045)
            for task in tasks[1:4]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert [result for result in results if isinstance(result, bytes)].count(b"ok") >= 3
            assert transport.stats().open <= 1
    await transport.aclose()


async def echo(reader, writer):
    """Answers each request with its own body, in a framing and at a pace of its choice."""
    chance = random.Random(writer.get_extra_info("peername")[1])
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            await asyncio.sleep(chance.random() * 0.01)
            if chance.random() < 0.5:
                pieces = [b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body[:5], body[5:]]
            else:
                pieces = [CHUNKED, b"%x\r\n%b\r\n" % (len(body), body), b"0\r\n\r\n"]
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(chance.random() * 0.004)
            if chance.random() < 0.05:
                break
    writer.close()


async def test_nobody_gets_anothers_answer_whoever_leaves_early():
    transport = Http1Transport(TransportOptions(limit=8, ssl_verify=False))
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    chance = random.Random(7)

    async def one(number: int) -> bytes:
        stream = await transport.open(UpstreamRequest(url, body=b"body number %d" % number))
        if number % 3:
            return await stream.read()
        return b"".join([piece async for piece in stream.chunks(2.0)])

    tasks = [asyncio.create_task(one(number)) for number in range(400)]
    for task in chance.sample(tasks, 120):
        asyncio.get_running_loop().call_later(chance.random() * 0.5, task.cancel)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    wrong = [
        (number, answer)
        for number, answer in enumerate(answers)
        if isinstance(answer, bytes) and answer != b"body number %d" % number
    ]
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    assert (wrong, errors) == ([], [])
    assert sum(isinstance(answer, bytes) for answer in answers) >= 280
    assert transport.stats().open == transport.stats().idle <= 8
    await transport.aclose()
    server.close()


async def test_idle_connections_make_room_for_another_host():
    transport = Http1Transport(TransportOptions(limit=2))
    async with RawServer(OK) as one, RawServer(OK) as other:
        await got(transport, ask(one))
        for _ in range(2):
            await asyncio.gather(got(transport, ask(other)), got(transport, ask(other)))
        assert transport.stats().open <= 2
        assert await got(transport, ask(one)) == b"ok"
    await transport.aclose()


async def test_a_closed_transport_opens_nothing_and_lets_nobody_wait():
    transport = Http1Transport(TransportOptions(limit=1))
    async with RawServer(b"HTTP/1.1 200 OK\r\n") as server:
        tasks = [asyncio.create_task(transport.open(ask(server))) for _ in range(2)]
        await asyncio.sleep(0.05)
        await transport.aclose()
        for task in tasks:
            with pytest.raises(NovaError):
                await task
        with pytest.raises(NovaError):
            await transport.open(ask(server))
        await server.until_closed()


@pytest.fixture
async def names(monkeypatch):
    """Addresses of invented names, and how often each was asked for: `names[name] = [...]`, `names.asked`."""

    class Names(dict):
        asked: Counter[str]

    known = Names()
    known.asked = Counter()
    loop = asyncio.get_running_loop()
    genuine = loop.getaddrinfo

    async def getaddrinfo(host, port, **more):
        if host not in known:
            return await genuine(host, port, **more)
        known.asked[host] += 1
        await asyncio.sleep(0.01)
        return [
            (socket.AF_INET6 if ":" in at[0] else socket.AF_INET, socket.SOCK_STREAM, 6, "", at) for at in known[host]
        ]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    return known


async def test_a_host_is_reached_by_whichever_address_answers(transport, names):
    async with RawServer(OK) as server:
        with socket.socket() as dead:
            dead.bind(("127.0.0.1", 0))  # bound, not listening: refused
            names["many.invalid"] = [dead.getsockname(), ("::1", 1, 0, 0), ("127.0.0.1", server.port)]
            for _ in range(3):
                assert await got(transport, UpstreamRequest("http://many.invalid:81/")) == b"ok"
        names["none.invalid"] = [("127.0.0.1", 1), ("127.0.0.1", 2)]
        with pytest.raises(APIConnectionError, match=r"none\.invalid: connection refused"):
            await transport.open(UpstreamRequest("http://none.invalid/"))


async def test_an_address_that_is_silent_does_not_hold_up_the_others(transport, names):
    async with RawServer(OK) as server:
        with socket.socket() as silent, contextlib.ExitStack() as queued:
            silent.bind(("127.0.0.1", 0))
            silent.listen(0)
            for _ in range(3):  # who connects beyond the queue's end hears nothing
                waiting = queued.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(silent.getsockname())
            names["slow.invalid"] = [silent.getsockname(), ("127.0.0.1", server.port)]
            begun = time.monotonic()
            assert await got(transport, UpstreamRequest("http://slow.invalid/")) == b"ok"
            assert 0.2 < time.monotonic() - begun < 1.0


async def test_names_are_asked_for_once_for_many_connections(transport, names):
    async with RawServer(OK, gap=0.02) as server:
        names["one.invalid"] = [("127.0.0.1", server.port)]
        request = UpstreamRequest("http://one.invalid/")
        await asyncio.gather(*(got(transport, request) for _ in range(20)))
        assert (names.asked["one.invalid"], server.connections) == (1, 20)


def test_our_own_client_loads_no_other():
    code = "import sys, nova_core.gateway.transport_default; print({'aiohttp', 'yarl', 'httpx'} & set(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert finished.stdout == "set()\n"


async def test_without_proxies_in_the_environment_no_other_client_is_made(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    direct = default_transport()
    assert isinstance(direct, Http1Transport)
    await direct.aclose()
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    mixed = default_transport()
    assert isinstance(mixed, AutoTransport)
    async with RawServer(OK) as server:
        assert await got(mixed, ask(server)) == b"ok"
        assert (mixed.stats().open, mixed.stats().idle) == (1, 1)
    unaware = default_transport(TransportOptions(trust_env=False))
    assert isinstance(unaware, Http1Transport)
    await unaware.aclose()
    await mixed.aclose()


async def test_a_host_that_breaks_the_rules_is_served_where_the_operator_says_so(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with RawServer(OK.replace(b"\r\n", b"\n")) as server:
        strict, lenient = default_transport(), default_transport(TransportOptions(lenient_hosts=("127.0.0.1",)))
        with pytest.raises(APIConnectionError, match="not HTTP"):
            await got(strict, ask(server))
        assert await got(lenient, ask(server)) == b"ok"
        await strict.aclose()
        await lenient.aclose()
