"""Our own HTTP/1.1 client against a real nginx."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from nova_core.errors import BadGatewayError
from nova_core.gateway.http1 import Http1Transport
from nova_core.gateway.transport import TransportOptions
from tests.gateway.nginx import FILES, Nginx, got, serving


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with serving(tmp_path_factory.mktemp("nginx"), "listen 127.0.0.1:{port} backlog=512;") as running:
        yield running


@pytest.fixture
async def transport():
    made = Http1Transport(TransportOptions(ssl_verify=False, first_byte_timeout=5.0, body_timeout=5.0))
    yield made
    await made.aclose()


async def test_connections_are_kept_and_used_again(transport, nginx):
    numbers = {await got(transport, nginx.ask("/connection")) for _ in range(20)}
    assert len(numbers) == 1
    assert transport.stats().idle == 1
    many = await asyncio.gather(*(got(transport, nginx.ask("/connection")) for _ in range(200)))
    assert 1 <= len(set(many)) <= 200
    assert transport.stats().open == transport.stats().idle


async def test_a_connection_that_nginx_wants_closed_is_closed(transport, nginx):
    assert await got(transport, nginx.ask("/once/small")) == FILES["small"]
    assert transport.stats().open == 0


async def test_files_come_whole_whatever_their_size(transport, nginx):
    for name, content in FILES.items():
        assert await got(transport, nginx.ask(f"/plain/{name}")) == content
    stream = await transport.open(nginx.ask("/plain/large"))
    assert b"".join([piece async for piece in stream.chunks(5.0)]) == FILES["large"]
    assert transport.stats().idle == 1


async def test_a_file_over_the_limit_is_left(transport, nginx):
    with pytest.raises(BadGatewayError, match="over 1000 bytes"):
        await got(transport, nginx.ask("/plain/large"), limit=1000)
    assert transport.stats().open == 0


async def test_packed_answers_in_chunks_are_unpacked(transport, nginx):
    stream = await transport.open(nginx.ask("/packed/text"))
    assert stream.headers["content-encoding"] == "gzip"
    assert stream.headers["transfer-encoding"] == "chunked"
    assert await stream.read() == FILES["text"]
    plain = await transport.open(nginx.ask("/packed/text", stream=True))
    assert "content-encoding" not in plain.headers
    assert b"".join([piece async for piece in plain.chunks(5.0)]) == FILES["text"]
    assert transport.stats().idle == 1


async def test_answers_without_a_body_keep_the_connection(transport, nginx):
    head = await transport.open(nginx.ask("/plain/large", "HEAD"))
    assert (head.headers["content-length"], await head.read()) == (str(len(FILES["large"])), b"")
    assert (await transport.open(nginx.ask("/nothing"))).status == 204
    fresh = await transport.open(nginx.ask("/plain/large", headers=(("If-None-Match", head.headers["etag"]),)))
    assert (fresh.status, await fresh.read()) == (304, b"")
    moved = await transport.open(nginx.ask("/elsewhere"))
    assert (moved.status, moved.headers["location"].endswith("/plain/small")) == (302, True)
    await moved.read()
    assert (transport.stats().open, transport.stats().idle) == (1, 1)


async def test_requests_reach_an_upstream_behind_nginx_and_its_stream_comes_back(transport, nginx):
    nginx.upstream.forget().script("m", sse=[b"data: %d\n\n" % number for number in range(5)], gap=0.02)
    body = b'{"model":"m","stream":true}'
    for _ in range(2):
        stream = await transport.open(nginx.ask("/v1/chat/completions", "POST", body=body, stream=True))
        pieces = [piece async for piece in stream.chunks(5.0)]
        assert b"".join(pieces) == b"".join(b"data: %d\n\n" % number for number in range(5))
        assert len(pieces) > 1
    assert nginx.upstream.last.body == body
    assert transport.stats().idle == 1


async def test_large_bodies_go_out_whole(transport, nginx):
    nginx.upstream.forget().script("*", body=b"taken")
    body = bytes(range(256)) * 80_000
    request = nginx.ask("/v1/large", "POST", body=body, headers=(("Expect", "100-continue"),))
    assert await got(transport, request) == b"taken"
    assert nginx.upstream.last.body == body


async def test_a_body_that_nginx_refuses_before_it_has_come_is_an_answer(transport, nginx):
    stream = await transport.open(nginx.ask("/small-limit", "POST", body=bytes(30_000_000)))
    assert stream.status == 413
    assert b"413" in await stream.read()
    assert transport.stats().open == 0


async def test_what_nginx_calls_a_bad_request_is_an_answer_and_no_more(transport, nginx):
    stream = await transport.open(nginx.ask("/plain/small", headers=(("Host", "a b"),)))
    assert stream.status == 400
    await stream.read()
    assert transport.stats().open == 0
