"""Our own HTTP/1.1 client against a real nginx."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nova_core.errors import BadGatewayError
from nova_core.gateway.http1 import Http1Transport
from nova_core.gateway.transport import TransportOptions
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.upstream import UpstreamRequest
from tests.house.tree import ROOT

CONFIGURATION = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip_types application/json;
    server {{
        listen 127.0.0.1:{port} backlog=512;
        client_max_body_size 64m;
        keepalive_requests 1000;
        default_type application/json;
        root {folder}/files;
        location /plain/ {{ }}
        location /packed/ {{ gzip on; gzip_min_length 1; gzip_proxied any; gzip_http_version 1.0; }}
        location /once/ {{ keepalive_timeout 0; }}
        location = /connection {{ return 200 "$connection"; }}
        location = /nothing {{ return 204; }}
        location = /elsewhere {{ return 302 /plain/small; }}
        location = /small-limit {{ client_max_body_size 1k; proxy_pass {upstream}; }}
        location /v1/ {{ proxy_pass {upstream}; proxy_buffering off; proxy_http_version 1.1; }}
    }}
}}
"""
FILES = {"small": b'{"ok":true}', "large": bytes(range(256)) * 80_000, "text": b'{"word":"again"}' * 60_000}


@dataclass(frozen=True)
class Nginx:
    url: str
    upstream: ScriptedUpstream

    def ask(self, path: str, method: str = "GET", **changes) -> UpstreamRequest:
        return UpstreamRequest(self.url + path, method=method, **changes)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nginx_command() -> str:
    """The path of nginx, installed if need be. Skips where it cannot be, except in CI: there it must."""
    found = subprocess.run([ROOT / "scripts/ensure_nginx.sh"], capture_output=True, text=True, timeout=100)
    if found.returncode:
        reason = found.stderr.strip()
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        print(reason)
        pytest.skip(reason)
    return found.stdout.strip()


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    command = nginx_command()
    folder: Path = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    for part in ("plain", "packed", "once"):
        (folder / "files" / part).mkdir(parents=True)
        for name, content in FILES.items():
            (folder / "files" / part / name).write_bytes(content)
    port = free_port()
    user = "user root;\n" if os.getuid() == 0 else ""
    with ScriptedUpstream() as upstream:
        configuration = user + CONFIGURATION.format(folder=folder, port=port, upstream=upstream.url)
        (folder / "nginx.conf").write_text(configuration)
        process = subprocess.Popen([command, "-p", str(folder), "-c", str(folder / "nginx.conf")])
        try:
            until_listening(port, process)
            yield Nginx(f"http://127.0.0.1:{port}", upstream)
        finally:
            process.terminate()
            process.wait(10)
            shutil.rmtree(folder, ignore_errors=True)


def until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    pytest.fail("nginx does not start")


@pytest.fixture
async def transport():
    made = Http1Transport(TransportOptions(ssl_verify=False, first_byte_timeout=5.0, body_timeout=5.0))
    yield made
    await made.aclose()


async def got(transport, request: UpstreamRequest, **limits) -> bytes:
    stream = await transport.open(request)
    assert stream.status == 200
    return await stream.read(**limits)


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
