"""One worker under load: 1,000 calls at once, then thousands of mixed calls of which a tenth leave early.

Prints how many failed, the sockets left open, and the memory before, during and after. `--calls N` sets how many mixed
calls (20,000), `--minutes M` repeats them for so long, `--json` prints one line of JSON. The server is a real
`nova serve` process in front of an upstream that answers after 50 ms; both on the loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import aiohttp
import psutil

UPSTREAM_DELAY = 0.05
CONCURRENT = 1000
IN_FLIGHT = 200
LEAVERS = 0.1
SEED = 7
SETTLE_SECONDS = 20.0
MEGABYTE = 1024 * 1024

UPSTREAM = """
import asyncio
from nova_core.testing.upstream import ScriptedUpstream
async def main():
    async with ScriptedUpstream() as upstream:
        upstream.script("chat", text="a short answer", delay={delay})
        upstream.script("slow", stream=["word "] * 40, gap=0.02)
        upstream.script("quick", stream=["one ", "two ", "three"])
        upstream.script("vectors", width=256)
        print(upstream.url, flush=True)
        while True:
            await asyncio.sleep(1)
            upstream.requests.clear()
            upstream.disconnects.clear()
asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Result:
    """Memory in MiB, at rest before and after, and under load after each turn; sockets are those of the server process,
    the listening one left out."""

    burst_calls: int
    burst_failures: int
    burst_seconds: float
    mixed_calls: int
    mixed_left: int
    mixed_failures: int
    mixed_seconds: float
    sockets_idle_before: int
    sockets_after: int
    memory_warm: float
    memory_after: float
    memory_under_load: tuple[float, ...]


def main() -> int:
    """Run and print; the exit status is 1 when a call failed, sockets leaked or memory grew over 10 MiB."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=20_000)
    options.add_argument("--minutes", type=float, default=0.0)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    result = run(given.calls, given.minutes)
    if given.json:
        print(json.dumps(asdict(result)))
    else:
        for name, value in asdict(result).items():
            values = value if isinstance(value, tuple) else (value,)
            print(f"{name:22}", *(f"{each:,.1f}" if isinstance(each, float) else f"{each:,}" for each in values))
    return 0 if is_clean(result) else 1


def is_clean(result: Result) -> bool:
    """No failure, no leaked socket, memory within 10 MiB of where it stood after warm-up."""
    return (
        result.burst_failures == 0
        and result.mixed_failures == 0
        and result.sockets_after <= result.sockets_idle_before
        and result.memory_after - result.memory_warm <= 10
    )


def run(calls: int, minutes: float = 0.0) -> Result:
    """Start upstream and server, load them, and stop them."""
    raise_file_limit()
    with tempfile.TemporaryDirectory() as folder:
        upstream = subprocess.Popen(
            [sys.executable, "-c", UPSTREAM.format(delay=UPSTREAM_DELAY)], stdout=subprocess.PIPE, text=True
        )
        server = None
        try:
            assert upstream.stdout is not None
            url = upstream.stdout.readline().strip()
            port = free_port()
            server = start_server(Path(folder), url, port)
            return asyncio.run(load(f"http://127.0.0.1:{port}", server.pid, calls, minutes))
        finally:
            for process in (server, upstream):
                if process is not None:
                    process.terminate()
                    process.wait(30)


def raise_file_limit() -> None:
    """This process holds one socket a caller; the server raises its own limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def start_server(folder: Path, upstream: str, port: int) -> subprocess.Popen[bytes]:
    models = "\n".join(
        f"  - {{model_name: {name}, params: {{model: custom_openai/{name}, api_base: '{upstream}/v1'}}}}"
        for name in ("chat", "slow", "quick", "vectors")
    )
    config = folder / "nova.yaml"
    config.write_text(f"model_list:\n{models}\ngeneral_settings: {{log: {{level: warning}}}}\n")
    command = [sys.executable, "-m", "nova_core.cli", "serve", "--config", str(config), "--port", str(port)]
    log = (folder / "log").open("wb")
    # The server must raise the soft limit itself.
    process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=lower_file_limit)
    wait_for(process, port, folder / "log")
    return process


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until the gateway is ready. Raises SystemExit with its log when it ends or takes half a minute."""
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/readiness", timeout=1).read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


def lower_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))


async def load(url: str, pid: int, calls: int, minutes: float) -> Result:
    process = psutil.Process(pid)
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session:
        started = time.monotonic()
        failures = sum(await asyncio.gather(*(chat(session) for _ in range(CONCURRENT))))
        burst_seconds = time.monotonic() - started
        await mixed(session, calls // 4, Random(SEED))
    await settled(process, 0)
    idle = sockets(process)
    memory_warm = process.memory_info().rss / MEGABYTE
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session:
        started = time.monotonic()
        random, mixed_calls, left, mixed_failures, under_load = Random(SEED + 1), 0, 0, 0, list[float]()
        while not mixed_calls or time.monotonic() - started < minutes * 60:
            more_left, more_failures = await mixed(session, calls, random)
            mixed_calls, left, mixed_failures = mixed_calls + calls, left + more_left, mixed_failures + more_failures
            under_load.append(round(process.memory_info().rss / MEGABYTE, 1))
        mixed_seconds = time.monotonic() - started
    await settled(process, idle)
    return Result(
        CONCURRENT,
        failures,
        burst_seconds,
        mixed_calls,
        left,
        mixed_failures,
        mixed_seconds,
        idle,
        sockets(process),
        memory_warm,
        process.memory_info().rss / MEGABYTE,
        tuple(under_load),
    )


async def chat(session: aiohttp.ClientSession) -> int:
    """One call; 1 when it failed."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
    try:
        async with session.post("/v1/chat/completions", json=body) as reply:
            text = await reply.text()
            return 0 if reply.status == 200 and "a short answer" in text else 1
    except aiohttp.ClientError:
        return 1


async def mixed(session: aiohttp.ClientSession, calls: int, random: Random) -> tuple[int, int]:
    """Calls of four kinds, a tenth of them left early; how many left and how many failed."""
    slots = asyncio.Semaphore(IN_FLIGHT)
    left = 0

    async def one(kind: str, leave_after: float | None) -> int:
        nonlocal left
        async with slots:
            if leave_after is None:
                return await whole(session, kind)
            left += 1
            task = asyncio.ensure_future(whole(session, "slow"))
            await asyncio.sleep(leave_after)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return 0

    work = []
    for _ in range(calls):
        leaves = random.random() < LEAVERS
        kind = random.choice(("chat", "quick", "quick", "vectors"))
        work.append(one(kind, random.uniform(0.005, 0.2) if leaves else None))
    failures = sum(await asyncio.gather(*work))
    return left, failures


async def whole(session: aiohttp.ClientSession, kind: str) -> int:
    """One whole call of a kind; 1 when it failed."""
    if kind == "chat":
        return await chat(session)
    try:
        if kind == "vectors":
            async with session.post("/v1/embeddings", json={"model": kind, "input": ["a", "b"]}) as reply:
                return 0 if reply.status == 200 and len((await reply.json())["data"]) == 2 else 1
        body = {"model": kind, "messages": [{"role": "user", "content": "hi"}], "stream": True}
        async with session.post("/v1/chat/completions", json=body) as reply:
            text = await reply.text()
            return 0 if reply.status == 200 and text.endswith("data: [DONE]\n\n") else 1
    except aiohttp.ClientError:
        return 1


def sockets(process: psutil.Process) -> int:
    """Open TCP connections of the server that are not listening."""
    return sum(1 for each in process.net_connections("tcp") if each.status != psutil.CONN_LISTEN)


async def settled(process: psutil.Process, wanted: int) -> None:
    """Wait until the callers' sockets are gone: down to `wanted`, or until the number stays the same."""
    end = time.monotonic() + SETTLE_SECONDS
    last, stable = -1, 0
    while time.monotonic() < end and stable < 5:
        now = sockets(process)
        if wanted and now <= wanted:
            return
        stable = stable + 1 if now == last else 0
        last = now
        await asyncio.sleep(0.3)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    sys.exit(main())
