"""What a start costs: modules, memory and CPU time. Limits are wide, so that only a new kind of cost breaks them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

RSS_MB = 64
CPU_SECONDS = 3.0
HEAVY = {
    "aiohttp", "bpe_openai", "fastapi", "httpx", "numpy", "opentelemetry", "rich", "starlette",
    "typer",
}  # fmt: skip

SERVE_CALLS = """
import asyncio, json, sys
from nova_core.gateway.gateway import Gateway
from nova_core.server.app import create_app
from nova_core.server.running import server_for
from nova_core.server.listening import listen
from nova_core.server.startup import ServeOptions, load_config, runtime_of

CHAT = b'{{"model": "echo/x", "stream": {stream}, "messages": [{{"role": "user", "content": "hello"}}]}}'


async def ask(port, head, body=b""):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"%b HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\ncontent-length: %d\\r\\n\\r\\n%b"
                 % (head, len(body), body))
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    writer.close()


async def main():
    options = ServeOptions(models=("echo/x",))
    app = create_app(Gateway(runtime_of(load_config(options), options)))
    ready = asyncio.Event()

    async def started():
        ready.set()

    server = server_for(app, tls=None, started=started)
    sockets = listen("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    serving = asyncio.create_task(server.run_on(sockets))
    await ready.wait()
    for path in (b"/health/liveliness", b"/health/readiness", b"/metrics"):
        await ask(port, b"GET " + path)
    await ask(port, b"POST /v1/chat/completions", CHAT)
    before = {{name.partition(".")[0] for name in sys.modules}}
    for path in {paths}:
        await ask(port, b"GET " + path)
    after = {{name.partition(".")[0] for name in sys.modules}}
    server.stop()
    await serving
    print(json.dumps([sorted(before), sorted(after)]))


asyncio.run(main())
"""


def loaded(*, stream: bool, paths: tuple[bytes, ...] = ()) -> tuple[set[str], set[str]]:
    """Top-level modules of a process that has served calls, and then after it was asked for `paths`."""
    script = SERVE_CALLS.format(stream=json.dumps(stream), paths=paths)
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    before, after = json.loads(finished.stdout)
    return set(before), set(after)


def test_a_process_that_serves_calls_probes_and_metrics_never_imports_the_web_framework() -> None:
    before, after = loaded(stream=True, paths=(b"/openapi.json",))
    assert before & HEAVY == set()
    assert "fastapi" in after


def test_importing_the_command_line_brings_no_server_and_no_configuration() -> None:
    script = "import json, sys, nova_core.cli.app; print(json.dumps(list(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(json.loads(finished.stdout))
    assert {"pydantic", "uvicorn", "asyncio", "yaml", "nova_core.gateway.gateway"} & modules == set()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory and CPU time are read from /proc")
def test_one_worker_is_one_small_process_that_starts_with_little_work(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nova_core.cli", "serve", "--model", "echo/x", "--port", "0"]
    out = tmp_path / "out.txt"
    with out.open("w") as written:
        process = subprocess.Popen(command, stdout=written, cwd=tmp_path)
    try:
        end = time.monotonic() + 20
        while "nova is ready" not in out.read_text():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        seen = psutil.Process(process.pid)
        used = seen.cpu_times()
        assert seen.children() == []
        assert seen.memory_info().rss / 1024 / 1024 < RSS_MB
        assert used.user + used.system < CPU_SECONDS
    finally:
        process.terminate()
        process.wait(10)
