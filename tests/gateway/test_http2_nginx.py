"""Our own HTTP/2 client against a real nginx, in the clear and over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from nova_core.errors import APIConnectionError, BadGatewayError
from nova_core.gateway.http1 import Http1Transport
from nova_core.gateway.http2.transport import Http2Transport
from nova_core.gateway.transport import TransportOptions
from nova_core.types.upload import InMemory
from tests.gateway.nginx import FILES, Nginx, got, serving

PLAIN = "listen 127.0.0.1:{port} http2 backlog=512;"
TLS = "listen 127.0.0.1:{{port}} ssl{http2}; ssl_certificate {certificate}; ssl_certificate_key {key};"


@pytest.fixture(scope="module", params=["http", "https"])
def nginx(request, certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    tls = TLS.format(http2=" http2", certificate=certificate[0], key=certificate[1])
    listen = PLAIN if request.param == "http" else tls
    with serving(tmp_path_factory.mktemp("nginx"), listen, scheme=request.param, requests=60) as running:
        yield running


@pytest.fixture
async def transport(certificate):
    options = TransportOptions(ssl_verify=str(certificate[0]), first_byte_timeout=5.0, body_timeout=5.0)
    otherwise = Http1Transport(options)
    made = Http2Transport(options, otherwise)
    yield made
    await made.aclose()
    await otherwise.aclose()


async def test_many_at_once_share_a_connection_and_outlive_nginxs_limit_of_requests(transport, nginx):
    await got(transport, nginx.ask("/connection"))
    many = await asyncio.gather(*(got(transport, nginx.ask("/connection")) for _ in range(40)))
    assert len(set(many)) == 1
    for _ in range(3):  # a connection serves 60 and then says goodbye, with others under way
        asked = [nginx.ask("/plain/small" if number % 8 else "/plain/text") for number in range(40)]
        answers = await asyncio.gather(*(got(transport, request) for request in asked))
        assert [answer in FILES.values() for answer in answers] == [True] * 40
    assert transport.stats().open == transport.stats().idle


async def test_files_come_whole_whatever_their_size(transport, nginx):
    for name in ("small", "text"):
        assert await got(transport, nginx.ask(f"/plain/{name}")) == FILES[name]
    stream = await transport.open(nginx.ask("/plain/large"))
    assert b"".join([piece async for piece in stream.chunks(5.0)]) == FILES["large"]
    packed = await transport.open(nginx.ask("/packed/text"))
    assert (packed.headers["content-encoding"], await packed.read()) == ("gzip", FILES["text"])
    with pytest.raises(BadGatewayError, match="over 1000 bytes"):
        await got(transport, nginx.ask("/plain/large"), limit=1000)
    assert (transport.stats().open, transport.stats().idle) == (1, 1)


async def test_answers_without_a_body(transport, nginx):
    head = await transport.open(nginx.ask("/plain/large", "HEAD"))
    assert (head.headers["content-length"], await head.read()) == (str(len(FILES["large"])), b"")
    assert (await transport.open(nginx.ask("/nothing"))).status == 204
    fresh = await transport.open(nginx.ask("/plain/large", headers=(("If-None-Match", head.headers["etag"]),)))
    assert (fresh.status, await fresh.read()) == (304, b"")
    moved = await transport.open(nginx.ask("/elsewhere"))
    assert (moved.status, moved.headers["location"].endswith("/plain/small")) == (302, True)


@pytest.mark.parametrize("kind", [bytes, InMemory])
async def test_large_bodies_reach_an_upstream_behind_nginx(transport, nginx, kind):
    nginx.upstream.forget().script("*", body=b"taken")
    body = bytes(range(256)) * 20_000
    assert await got(transport, nginx.ask("/v1/large", "POST", body=kind(body))) == b"taken"
    assert nginx.upstream.last.body == body


async def test_a_body_that_nginx_refuses_before_it_has_come_is_an_answer(transport, nginx):
    stream = await transport.open(nginx.ask("/small-limit", "POST", body=bytes(10_000_000)))
    assert stream.status == 413
    assert b"413" in await stream.read()


async def test_an_upstream_is_told_that_the_reader_of_one_stream_has_left(transport, nginx):
    nginx.upstream.forget().script("m", sse=[b"data: %d\n\n" % number for number in range(500)], gap=0.02)
    body = b'{"model":"m","stream":true}'
    stream = await transport.open(nginx.ask("/v1/chat/completions", "POST", body=body, stream=True))
    assert (await anext(stream.chunks(5.0))).startswith(b"data: 0")
    await stream.aclose()
    await nginx.upstream.until(lambda upstream: upstream.disconnects)
    assert await got(transport, nginx.ask("/plain/small")) == FILES["small"]
    assert transport.stats().open == 1


async def test_a_port_without_http2_is_called_by_http1_where_tls_can_tell(certificate, tmp_path, transport):
    listen = TLS.format(http2="", certificate=certificate[0], key=certificate[1])
    with serving(tmp_path / "made", listen, scheme="https") as old:
        for _ in range(3):
            assert await got(transport, old.ask("/plain/small")) == FILES["small"]
        assert transport.stats().open == 0
    clear = serving(tmp_path / "clear", "listen 127.0.0.1:{port};")
    with clear as old, pytest.raises(APIConnectionError, match=r"HTTP/1\.1"):
        await transport.open(old.ask("/plain/small"), connect_timeout=2.0)
