"""A real Redis for tests: started, stalled, killed and restarted by them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from tests.ensured import ensured


class RedisServer:
    """One server on a free port, with nothing on disk; a restarted one is empty."""

    def __init__(self, *arguments: str) -> None:
        self._command = ensured("redis", seconds=110)
        self._arguments = arguments
        self.port = 0

    def __enter__(self) -> Self:
        self.folder = tempfile.TemporaryDirectory(prefix="nova-redis-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.folder.cleanup()

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self.folder.name}
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self.process = subprocess.Popen([self._command, *arguments, *self._arguments], stdout=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.02)
        pytest.fail("redis-server does not start")

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)


class SlowPath:
    """A TCP proxy to a port; while `stalled` nothing comes back, and what was asked has arrived."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def stall(self) -> None:
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Self]:
        path = cls(port)
        server = await asyncio.start_server(path._serve, "127.0.0.1", 0)
        path.port = server.sockets[0].getsockname()[1]
        try:
            yield path
        finally:
            server.close()
            for task in path._tasks:
                task.cancel()
            await asyncio.gather(*path._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        for work in (self._pump(reader, there_writer), self._pump(there_reader, writer, self._flowing)):
            self._tasks.add(asyncio.create_task(work))

    async def _pump(self, reader: Any, writer: Any, gate: asyncio.Event | None = None) -> None:
        with contextlib.suppress(ConnectionError):
            while content := await reader.read(65536):
                if gate is not None:
                    await gate.wait()
                writer.write(content)
        writer.close()
