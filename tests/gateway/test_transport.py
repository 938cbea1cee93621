"""Bytes reach upstreams and come back; whatever goes wrong on the way is an error that says what and where."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
import zlib

import pytest

from nova_core.errors import (
    APIConnectionError,
    BadGatewayError,
    ConfigurationError,
    RequestTimeoutError,
    StreamBrokenError,
)
from nova_core.gateway.http1 import Http1Transport
from nova_core.gateway.transport import TransportOptions
from nova_core.gateway.transport_aiohttp import AiohttpTransport
from nova_core.gateway.transport_default import default_transport
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.upstream import UpstreamRequest

SECRET = "sk-very-secret"


@pytest.fixture(params=[AiohttpTransport, Http1Transport], ids=["aiohttp", "http1"])
def make_transport(request):
    return request.param


@pytest.fixture
async def transport(make_transport):
    made = make_transport()
    yield made
    await made.aclose()


def request(upstream: ScriptedUpstream | str, model: str = "m", path: str = "/v1/chat/completions", **changes):
    base = upstream if isinstance(upstream, str) else upstream.url
    headers = (("authorization", f"Bearer {SECRET}"), ("content-type", "application/json"))
    return UpstreamRequest(
        **{"url": base + path, "headers": headers, "body": b'{"model":"%s"}' % model.encode()} | changes
    )


async def open_and_read(transport, request, **deadlines) -> bytes:
    stream = await transport.open(request, **deadlines)
    return await stream.read()


async def test_a_request_arrives_exactly_as_the_provider_made_it(transport, upstream):
    body = b'{ "model" : "m", "big": 12345678901234567890, "same":1, "same":2 }'
    headers = (("X-One", "1"), ("content-type", "application/json"), ("X-One", "2"))
    path = "/v1/a%2Fb?key=a+b&x=%C3%A9"
    await open_and_read(transport, request(upstream, path=path, body=body, headers=headers))
    received = upstream.last
    assert (received.method, received.path, received.body) == ("POST", path, body)
    assert [value for name, value in received.headers if name.lower() == "x-one"] == ["1", "2"]
    assert received.header("user-agent").startswith("nova-core/")
    assert received.header("cookie") is None


async def test_status_headers_and_body_come_back(transport, upstream):
    upstream.script("m", status=429, headers={"Retry-After": "7"}, message="slow down")
    stream = await transport.open(request(upstream))
    assert stream.status == 429
    assert stream.headers["retry-after"] == "7"
    assert b"slow down" in await stream.read()


async def test_cookies_are_not_kept_and_redirects_not_followed(transport, upstream):
    upstream.script("m", status=302, body=b"", headers={"Location": "/elsewhere", "Set-Cookie": "a=b"})
    stream = await transport.open(request(upstream))
    await stream.read()
    await open_and_read(transport, request(upstream))
    assert stream.status == 302
    assert [received.header("cookie") for received in upstream.requests] == [None, None]


@pytest.mark.parametrize(("coding", "packed"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_compressed_answers_are_unpacked(transport, upstream, coding, packed):
    upstream.script("m", body=packed(b'{"ok":true}'), headers={"content-encoding": coding})
    assert await open_and_read(transport, request(upstream)) == b'{"ok":true}'


async def test_a_connection_is_reused_once_its_body_was_read(transport, upstream):
    for _ in range(3):
        await open_and_read(transport, request(upstream))
    assert {received.connection for received in upstream.requests} == {1}
    assert (transport.stats().open, transport.stats().idle) == (1, 1)


async def test_a_stream_comes_piece_by_piece_and_gives_its_connection_back(transport, upstream):
    upstream.script("m", sse=[b"data: 1\n\n", b"data: 2\n\n", b"data: [DONE]\n\n"], gap=0.03)
    stream = await transport.open(request(upstream))
    came = [(piece, time.monotonic()) async for piece in stream.chunks(1.0)]
    await stream.aclose()
    assert [piece for piece, _ in came] == [b"data: 1\n\n", b"data: 2\n\n", b"data: [DONE]\n\n"]
    assert came[-1][1] - came[0][1] > 0.04
    assert transport.stats().idle == 1


async def test_one_event_of_many_megabytes_is_no_problem(transport, upstream):
    event = b"data: " + b"x" * 8_000_000 + b"\n\n"
    upstream.script("m", sse=[event])
    stream = await transport.open(request(upstream))
    assert b"".join([piece async for piece in stream.chunks(5.0)]) == event


async def test_large_response_headers_fit(transport, upstream):
    upstream.script("m", headers={"x-large": "y" * 60_000})
    stream = await transport.open(request(upstream))
    assert len(stream.headers["x-large"]) == 60_000


async def test_a_body_over_the_limit_is_refused_and_its_socket_closed(transport, upstream):
    upstream.script("m", body=b"x" * 8_000_000)
    stream = await transport.open(request(upstream))
    with pytest.raises(BadGatewayError, match="over 1000 bytes"):
        await stream.read(limit=1000)
    assert transport.stats().open == 0


async def test_a_kept_connection_that_died_unnoticed_is_replaced_by_a_new_one(make_transport):
    connections: list[int] = []

    async def serve(reader, writer):
        connections.append(0)
        number = len(connections)
        while True:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            connections[number - 1] += 1
            # Connections 1 to 3 serve one request each and die on the second, before any byte of an answer.
            if number <= 3 and connections[number - 1] > 1:
                break
            await asyncio.sleep(0.02)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transport = make_transport()
    plain = UpstreamRequest(url, method="POST", body=b"")
    await asyncio.gather(*(open_and_read(transport, plain) for _ in range(3)))
    assert await open_and_read(transport, plain) == b"ok"
    assert len(connections) == 4
    await transport.aclose()
    server.close()


@pytest.mark.parametrize(("method", "asked"), [("POST", 2), ("GET", 3)])
async def test_a_request_that_an_upstream_was_at_work_on_is_repeated_only_where_that_does_no_harm(
    make_transport, monkeypatch, method, asked
):
    monkeypatch.setattr("nova_core.gateway.transport.STALE_SECONDS", 0.1)
    heads: list[bytes] = []

    async def serve(reader, writer):
        while not heads or len(heads) == 2:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await asyncio.sleep(0.2)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    transport = make_transport()
    plain = UpstreamRequest(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", method=method)
    assert await open_and_read(transport, plain) == b"ok"
    if method == "GET":
        assert await open_and_read(transport, plain) == b"ok"
    else:
        with pytest.raises(APIConnectionError, match="closed the connection before it answered"):
            await transport.open(plain)
    assert len(heads) == asked
    await transport.aclose()
    server.close()


async def test_a_new_connection_that_dies_is_not_tried_again(transport, upstream):
    upstream.script("m", reset=True)
    with pytest.raises(APIConnectionError, match="closed the connection before it answered"):
        await transport.open(request(upstream))
    assert len(upstream.requests) == 1


async def test_a_refused_connection_names_the_host_alone(transport):
    with pytest.raises(APIConnectionError) as caught:
        await transport.open(request("http://127.0.0.1:1", path="/v1?key=" + SECRET))
    assert caught.value.message == "cannot connect to the upstream 127.0.0.1:1: connection refused"
    assert caught.value.__cause__ is None


async def test_an_unknown_host_is_named(transport):
    with pytest.raises(APIConnectionError, match=r"nowhere\.invalid: its name cannot be resolved"):
        await transport.open(request("http://nowhere.invalid"))


@pytest.mark.parametrize("url", ["ftp://host/x", "no url", "http://", "http://[::1/", "http://host:99999999/"])
async def test_what_is_no_http_url_is_an_error_with_a_hint(transport, url):
    with pytest.raises(APIConnectionError) as caught:
        await transport.open(UpstreamRequest(url))
    assert "api_base" in caught.value.hint


async def test_a_header_with_a_line_break_is_refused_without_showing_it(transport, upstream):
    with pytest.raises(APIConnectionError) as caught:
        await transport.open(request(upstream, headers=(("authorization", f"Bearer {SECRET}\r\nx: y"),)))
    assert SECRET not in str(caught.value)
    assert upstream.requests == []


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00\x01\x02\x03" * 20])
async def test_an_answer_that_is_not_http_is_a_connection_error(transport, upstream, raw):
    upstream.script("m", raw=raw)
    with pytest.raises(APIConnectionError):
        await transport.open(request(upstream), first_byte_timeout=2.0)


async def test_silence_before_the_headers_ends_at_the_first_byte_deadline(transport, upstream):
    upstream.script("m", stall=True)
    with pytest.raises(RequestTimeoutError, match="first byte deadline") as caught:
        await transport.open(request(upstream), first_byte_timeout=0.1)
    assert caught.value.code == "first_byte_timeout"
    await upstream.until(lambda seen: seen.disconnects)


async def test_a_connection_that_is_not_accepted_ends_at_the_connect_deadline(make_transport):
    async with ScriptedUpstream() as upstream:
        upstream.script("m", stall=True)
        crowded = make_transport(TransportOptions(limit=1))
        first = asyncio.create_task(crowded.open(request(upstream)))
        await upstream.until(lambda seen: seen.requests)
        with pytest.raises(RequestTimeoutError, match="connect deadline") as caught:
            await crowded.open(request(upstream), connect_timeout=0.1)
        assert caught.value.code == "connect_timeout"
        first.cancel()
        await crowded.aclose()


async def test_a_body_that_stalls_ends_at_the_total_deadline(transport, upstream):
    upstream.script("m", stall="body", text="long enough to be cut in two")
    stream = await transport.open(request(upstream))
    with pytest.raises(RequestTimeoutError, match="total deadline"):
        await stream.read(deadline=time.monotonic() + 0.1)
    assert transport.stats().open == 0


async def test_a_stream_that_never_begins_is_a_timeout(transport):
    server, url = await serve_raw(b"transfer-encoding: chunked\r\n\r\n")
    stream = await transport.open(request(url))
    with pytest.raises(RequestTimeoutError, match="idle deadline"):
        await anext(stream.chunks(0.1))
    server.close()


async def serve_raw(*pieces: bytes):
    """A server that sends these bytes 50 ms apart after a status line: (server, its URL)."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.05)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_stream_that_goes_silent_is_broken_and_its_socket_closed(transport, upstream):
    upstream.script("m", sse=[b"data: 1\n\n", b"data: 2\n\n"], stall="body")
    stream = await transport.open(request(upstream))
    chunks = stream.chunks(0.1)
    assert await anext(chunks) == b"data: 1\n\n"
    with pytest.raises(StreamBrokenError, match="idle deadline"):
        await anext(chunks)
    await upstream.until(lambda seen: seen.disconnects)
    assert transport.stats().open == 0


async def test_a_slow_reader_is_not_taken_for_a_silent_upstream(transport, upstream):
    upstream.script("m", sse=[b"data: %d\n\n" % number for number in range(5)], gap=0.05)
    stream = await transport.open(request(upstream))
    seen = b""
    async for piece in stream.chunks(0.1):
        seen += piece
        await asyncio.sleep(0.25)
    assert seen.count(b"data:") == 5


async def test_a_reset_in_the_middle_of_a_stream_is_a_broken_stream(transport, upstream):
    upstream.script("m", sse=[b"data: 1\n\n", b"data: 2\n\n"], reset="body")
    stream = await transport.open(request(upstream))
    chunks = stream.chunks(1.0)
    assert await anext(chunks) == b"data: 1\n\n"
    with pytest.raises(StreamBrokenError, match="broke off"):
        await anext(chunks)


@pytest.mark.parametrize("answer", [{"reset": "body"}, {"raw": b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort"}])
async def test_a_body_cut_short_is_a_connection_error(transport, upstream, answer):
    upstream.script("m", **answer)
    stream = await transport.open(request(upstream))
    with pytest.raises(APIConnectionError, match="broke off"):
        await stream.read()


async def test_bad_framing_in_the_middle_of_a_stream_is_a_broken_stream(transport):
    server, url = await serve_raw(b"transfer-encoding: chunked\r\n\r\n", b"9\r\ndata: 1\n\n\r\n", b"not a size\r\n")
    stream = await transport.open(request(url))
    chunks = stream.chunks(5.0)
    assert await anext(chunks) == b"data: 1\n\n"
    with pytest.raises(StreamBrokenError, match="broke off"):
        await anext(chunks)
    server.close()


async def test_cancelling_an_open_request_closes_its_socket_within_a_second(transport, upstream):
    upstream.script("m", stall=True)
    task = asyncio.create_task(transport.open(request(upstream)))
    await upstream.until(lambda seen: seen.requests)
    task.cancel()
    await upstream.until(lambda seen: seen.disconnects, seconds=1.0)
    assert task.cancelled() or task.cancelling()
    assert transport.stats().open == 0


async def test_cancelling_a_read_closes_its_socket_within_a_second(transport, upstream):
    upstream.script("m", stall="body", text="long enough to be cut in two")
    stream = await transport.open(request(upstream))
    task = asyncio.create_task(stream.read())
    await asyncio.sleep(0.02)
    task.cancel()
    await upstream.until(lambda seen: seen.disconnects, seconds=1.0)
    assert transport.stats().open == 0


async def test_leaving_a_stream_early_closes_its_socket(transport, upstream):
    upstream.script("m", sse=[b"data: 1\n\n"] * 100, gap=0.02)
    stream = await transport.open(request(upstream))
    chunks = stream.chunks(1.0)
    await anext(chunks)
    await chunks.aclose()
    await stream.aclose()
    await upstream.until(lambda seen: seen.disconnects, seconds=1.0)
    assert transport.stats().open == 0


async def test_the_idle_pool_is_bounded(make_transport):
    async with ScriptedUpstream() as upstream:
        upstream.script("m", delay=0.05)
        transport = make_transport(TransportOptions(max_idle_per_host=3))
        await asyncio.gather(*(open_and_read(transport, request(upstream)) for _ in range(10)))
        assert (transport.stats().open, transport.stats().idle) == (3, 3)
        await transport.aclose()
        await upstream.until(lambda seen: seen.open_connections == 0)


async def test_closing_the_transport_closes_streams_in_use_too(make_transport, upstream):
    upstream.script("m", sse=[b"data: 1\n\n"] * 50, gap=0.05)
    transport = make_transport()
    stream = await transport.open(request(upstream))
    assert await anext(stream.chunks(1.0))
    await transport.aclose()
    await upstream.until(lambda seen: seen.open_connections == 0)
    assert transport.stats().open == 0


@pytest.fixture(params=[AiohttpTransport, default_transport], ids=["aiohttp", "default"])
def make_proxied(request):
    return request.param


async def test_requests_go_through_the_proxy_of_the_environment_except_to_excluded_hosts(
    make_proxied, monkeypatch, upstream
):
    monkeypatch.setenv("http_proxy", upstream.url.replace("://", "://user:pass@"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    transport = make_proxied()
    await open_and_read(transport, request("http://far.invalid"))
    assert upstream.last.path == "http://far.invalid/v1/chat/completions"
    assert upstream.last.header("proxy-authorization").startswith("Basic ")
    assert upstream.last.header("authorization") == f"Bearer {SECRET}"
    await open_and_read(transport, request(upstream))
    assert upstream.last.path == "/v1/chat/completions"
    await transport.aclose()


async def test_a_proxy_that_is_gone_is_named_as_such(make_proxied, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://user:pass@127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    transport = make_proxied()
    with pytest.raises(APIConnectionError, match=r"proxy on the way to far\.invalid") as caught:
        await transport.open(request("https://far.invalid"))
    assert "pass" not in str(caught.value)
    assert "HTTPS_PROXY" in caught.value.hint
    await transport.aclose()


@pytest.fixture
async def tls_upstream(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with ScriptedUpstream(tls=context) as server:
        yield server


async def test_an_unknown_certificate_is_refused_with_a_hint(transport, tls_upstream):
    with pytest.raises(APIConnectionError, match="certificate") as caught:
        await transport.open(request(tls_upstream))
    assert "ssl_verify" in caught.value.hint


async def test_a_certificate_authority_of_ones_own_is_accepted(make_transport, certificate, tls_upstream):
    transport = make_transport(TransportOptions(ssl_verify=str(certificate[0])))
    assert b"Hello from m." in await open_and_read(transport, request(tls_upstream))
    await transport.aclose()


async def test_a_certificate_of_another_host_is_refused(make_transport, certificate, tls_upstream):
    transport = make_transport(TransportOptions(ssl_verify=str(certificate[0])))
    with pytest.raises(APIConnectionError, match=r"certificate of the upstream localhost.* was refused"):
        await transport.open(request(tls_upstream.url.replace("127.0.0.1", "localhost")))
    assert tls_upstream.requests == []
    await transport.aclose()


async def test_ssl_cert_file_is_honoured(make_transport, monkeypatch, certificate, tls_upstream):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    transport = make_transport()
    assert b"Hello from m." in await open_and_read(transport, request(tls_upstream))
    await transport.aclose()


async def test_a_client_certificate_is_shown_to_upstreams_that_ask(make_transport, certificate):
    made, key = certificate
    both = made.with_name("both.pem")
    both.write_text(made.read_text() + key.read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.load_verify_locations(made)
    context.verify_mode = ssl.CERT_REQUIRED
    async with ScriptedUpstream(tls=context) as server:
        transport = make_transport(TransportOptions(ssl_verify=str(made), ssl_certificate=str(both)))
        assert b"Hello from m." in await open_and_read(transport, request(server))
        await transport.aclose()
    with pytest.raises(ConfigurationError, match="ssl_certificate"):
        make_transport(TransportOptions(ssl_certificate=str(made.with_name("missing.pem"))))


async def test_cancelling_over_tls_closes_the_socket_within_a_second(make_transport, tls_upstream):
    tls_upstream.script("m", stall=True)
    transport = make_transport(TransportOptions(ssl_verify=False))
    task = asyncio.create_task(transport.open(request(tls_upstream)))
    await tls_upstream.until(lambda seen: seen.requests)
    task.cancel()
    await tls_upstream.until(lambda seen: seen.disconnects, seconds=1.0)
    assert transport.stats().open == 0
    await transport.aclose()


async def test_an_upstream_that_leaves_the_tls_handshake_is_said_to(transport, upstream):
    with pytest.raises(APIConnectionError, match="during the TLS handshake"):
        await transport.open(request(upstream.url.replace("http://", "https://")))


async def test_plain_http_where_tls_is_expected_says_so(transport):
    async def serve(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with pytest.raises(APIConnectionError, match="no TLS connection") as caught:
        await transport.open(request(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert "ssl_verify" in caught.value.hint
    server.close()


async def test_a_missing_certificate_file_is_a_configuration_error(make_transport):
    with pytest.raises(ConfigurationError, match=r"ssl_verify.*nowhere\.pem"):
        make_transport(TransportOptions(ssl_verify="nowhere.pem"))
