"""The server fixture's process wrapper: waits for readiness, keeps the logs, always ends what it started."""

from __future__ import annotations

import sys
import urllib.request

import pytest

from nova_core.testing.server_process import ServerProcess, free_port

READY_SOON = """
import http.server, sys, time
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/readiness" else 404)
        self.end_headers()
print("starting", flush=True)
time.sleep(0.2)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(code: str) -> ServerProcess:
        port = free_port()
        started.append(ServerProcess((sys.executable, "-c", code, str(port)), port, tmp_path / f"{port}.log"))
        return started[-1]

    yield begin
    for each in started:
        each.stop(2)


def test_it_waits_until_the_server_is_ready(start):
    server = start(READY_SOON)
    server.wait_until_ready(10)
    assert urllib.request.urlopen(server.base_url + "/health/readiness", timeout=2).status == 200
    assert "starting" in server.logs


def test_a_server_that_ends_at_once_is_reported_with_its_logs(start):
    server = start("import sys; print('no such key: modle_list'); sys.exit(3)")
    with pytest.raises(RuntimeError, match=r"(?s)ended with 3.*modle_list"):
        server.wait_until_ready(10)


def test_a_server_that_never_gets_ready_is_killed(start):
    server = start("import time; time.sleep(60)")
    with pytest.raises(RuntimeError, match="not ready within"):
        server.wait_until_ready(0.3)
    assert server.process.poll() is not None


def test_a_server_that_ignores_being_asked_is_killed(start):
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    server = start(deaf)
    while "deaf" not in server.logs:
        assert server.process.poll() is None
    assert server.stop(0.3) == -9
