"""A real nginx in front of files and of a scripted upstream."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.upstream import UpstreamRequest
from tests.ensured import ensured

CONFIGURATION = """
{user}daemon off;
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
        {listen}
        client_max_body_size 64m;
        keepalive_requests {requests};
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


async def got(transport, request: UpstreamRequest, **limits) -> bytes:
    stream = await transport.open(request)
    assert stream.status == 200
    return await stream.read(**limits)


@contextmanager
def serving(folder: Path, listen: str, *, scheme: str = "http", requests: int = 1_000) -> Iterator[Nginx]:
    """nginx, with its files in `folder`; `listen` are directives in which `{port}` is the port."""
    command = ensured("nginx", seconds=100)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    for part in ("plain", "packed", "once"):
        (folder / "files" / part).mkdir(parents=True)
        for name, content in FILES.items():
            (folder / "files" / part / name).write_bytes(content)
    port = free_port()
    with ScriptedUpstream() as upstream:
        configuration = CONFIGURATION.format(
            user="user root;\n" if os.getuid() == 0 else "",
            folder=folder,
            listen=listen.format(port=port),
            requests=requests,
            upstream=upstream.url,
        )
        (folder / "nginx.conf").write_text(configuration)
        process = subprocess.Popen([command, "-p", str(folder), "-c", str(folder / "nginx.conf")])
        try:
            until_listening(port, process)
            yield Nginx(f"{scheme}://127.0.0.1:{port}", upstream)
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
