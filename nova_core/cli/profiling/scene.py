"""A whole gateway in this process: callers in front of it, an upstream behind it, all on the loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from nova_core._version import __version__
from nova_core.cli.profiling.loopback import NAME, LoopbackUpstream, message_size
from nova_core.config.check import read_settings
from nova_core.config.loader import from_mapping
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.runtime import Runtime, build_runtime
from nova_core.plugins.discovery import PLUGINS, PROVIDERS, Installed, InstalledPlugin
from nova_core.plugins.loaded import Named
from nova_core.server.app import create_app
from nova_core.server.logs import set_up_logging
from nova_core.server.running import server_for

KEY = "sk-profile"
DEPLOYMENTS = 3
WARM_UP = 500


@dataclass(frozen=True, slots=True)
class Load:
    """How many calls, over how many connections, with a prompt of how many bytes; streamed where there are `chunks`."""

    calls: int = 20_000
    connections: int = 32
    prompt_bytes: int = 100
    chunks: int = 0

    def request(self) -> bytes:
        """One request, head and body."""
        messages = [{"role": "user", "content": "word " * (self.prompt_bytes // 5)}]
        asked = {"model": "gpt", "messages": messages, "temperature": 0.7, **({"stream": True} if self.chunks else {})}
        body = json.dumps(asked).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: profile\r\nauthorization: Bearer {KEY}\r\n"
        return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU time of the process, in seconds, and the calls it was spent on."""

    seconds: float
    calls: int
    failures: int


class Asker(asyncio.Protocol):
    """One connection that asks again when it is answered, as long as the round has calls left."""

    def __init__(self, round_: Round) -> None:
        self._round = round_
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        """Connected."""
        self.transport = transport

    def ask(self) -> None:
        """Send the next request, if there is one left."""
        if self._round.take():
            self.transport.write(self._round.request)

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        self._buffer += data
        size = message_size(self._buffer)
        if size and len(self._buffer) >= size:
            self._round.answered(self._buffer.startswith(b"HTTP/1.1 200"))
            self._buffer = self._buffer[size:]
            self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody closes this connection before the end."""
        self._round.broken(error)


class Round:
    """The calls that are still to be made, and what came of the others."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.failures = 0
        self._left = self._open = 0
        self._done: asyncio.Future[None] | None = None

    def start(self, calls: int) -> asyncio.Future[None]:
        """Begin; done when all are answered."""
        self._left, self._open, self.failures = calls, calls, 0
        self._done = asyncio.get_running_loop().create_future()
        return self._done

    def take(self) -> bool:
        """Whether there is a call to make; it is taken."""
        self._left -= 1
        return self._left >= 0

    def answered(self, good: bool) -> None:
        """A call was answered."""
        self.failures += not good
        self._open -= 1
        if not self._open and self._done is not None:
            self._done.set_result(None)

    def broken(self, error: Exception | None) -> None:
        """A connection ended."""
        if self._done is not None and not self._done.done():
            self._done.set_exception(error or ConnectionError("the gateway closed a connection"))


async def spend(load: Load, around: AbstractContextManager[Any], log: TextIO) -> Spent:
    """Make the calls, warmed up, inside of `around`. Raises OSError when a connection breaks."""
    round_ = Round(load.request())
    loop = asyncio.get_running_loop()
    async with gateway_port(log, lambda: LoopbackUpstream(load.chunks)) as port:
        made = [await loop.create_connection(lambda: Asker(round_), "127.0.0.1", port) for _ in range(load.connections)]
        await ask_all(round_, [asker for _, asker in made], min(WARM_UP, load.calls))
        begun = time.process_time()
        with around:
            await ask_all(round_, [asker for _, asker in made], load.calls)
        seconds = time.process_time() - begun
        for transport, _ in made:
            transport.close()
    return Spent(seconds, load.calls, round_.failures)


async def ask_all(round_: Round, askers: list[Asker], calls: int) -> None:
    """Make these calls over all connections at once. Raises OSError when one breaks."""
    done = round_.start(calls)
    for asker in askers:
        asker.ask()
    await done


@asynccontextmanager
async def gateway_port(log: TextIO, upstream_protocol: Callable[[], asyncio.Protocol]) -> AsyncIterator[int]:
    """The port of a served gateway with a key, three deployments, hooks, deadline, prices, log and headers on."""
    loop = asyncio.get_running_loop()
    upstream = await loop.create_server(upstream_protocol, "127.0.0.1", 0)
    settings = read_settings(from_mapping(_config(upstream.sockets[0].getsockname()[1])))
    installed = Installed((_entry(NAME, PROVIDERS, "provider"), _entry("onlooker", PLUGINS, "hooks")))
    runtime = build_runtime(settings, installed=installed, extra=[Named("onlooker", "plugin", "the profile")])
    try:
        async with served(runtime, log) as port:
            yield port
    finally:
        upstream.close()


@asynccontextmanager
async def served(runtime: Runtime, log: TextIO) -> AsyncIterator[int]:
    """The port that a gateway is served on in this process."""
    started = asyncio.Event()

    async def say_started() -> None:
        started.set()

    lines = set_up_logging(runtime.settings, stream=log)
    server = server_for(create_app(Gateway(runtime)), tls=None, started=say_started)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    serving = asyncio.create_task(server.run_on([listener]))
    try:
        await started.wait()
        yield listener.getsockname()[1]
    finally:
        server.stop()
        await serving
        lines.close()


def _config(port: int) -> dict[str, Any]:
    deployment = {
        "model_name": "gpt",
        "params": {
            "model": f"{NAME}/up",
            "api_base": f"http://127.0.0.1:{port}/v1",
            "api_key": "sk-upstream",
            "input_cost_per_token": 1e-6,
            "output_cost_per_token": 2e-6,
        },
    }
    return {
        "model_list": [deployment] * DEPLOYMENTS,
        "router_settings": {"num_retries": 2, "timeout": 600},
        "general_settings": {"keys": [{"key": KEY, "name": "profile", "models": ["gpt*"]}], "log": {"access": True}},
    }


def _entry(name: str, group: str, attribute: str) -> InstalledPlugin:
    return InstalledPlugin(name, group, "nova-core", __version__, f"nova_core.cli.profiling.loopback:{attribute}")
