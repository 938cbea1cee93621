"""A real upstream on the loopback that answers by script, so that tests need no network and no mocks."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Self

from nova_core.testing.upstream_http import Received, Wire
from nova_core.testing.upstream_script import Script, play

THREAD_DEADLINE = 10.0


class ScriptedUpstream:
    """An HTTP/1.1 server whose answers are scripted by the model (or path) that a request names.

    `async with ScriptedUpstream() as upstream` serves from the running event loop, `with ScriptedUpstream() as
    upstream` from a thread of its own, for tests of a server process. What was received is in `requests` (in
    order), `asked` (their models) and `disconnects` (those whose client left before the answer was complete).
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self.disconnects: list[Received] = []
        self.connections = 0
        self._scripts: dict[str, list[Script]] = defaultdict(list)
        self._wires: set[Wire] = set()
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._port = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def script(self, key: str, text: str | None = None, **answer: Any) -> Self:
        """Answer requests for `key`: a model, a path, `*/end` for paths that end so, `*` for all others. See `Script`.

        Several scripts for one key are answered in order, the last one from then on.
        """
        self._scripts[key].append(Script(text, **answer))
        return self

    def forget(self) -> Self:
        """Drop all scripts and everything received."""
        self._scripts.clear()
        self.requests.clear()
        self.disconnects.clear()
        return self

    @property
    def url(self) -> str:
        """The base URL, without a path: any prefix such as `/v1` may follow."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def asked(self) -> list[str]:
        """The model of each request, in order."""
        return [received.model for received in self.requests]

    @property
    def last(self) -> Received:
        """The latest request."""
        return self.requests[-1]

    @property
    def open_connections(self) -> int:
        """Connections that are open now, in use or kept alive."""
        return len(self._wires)

    async def until(self, condition: Callable[[Self], object], *, seconds: float = 5.0) -> None:
        """Wait for something to become true of this upstream. Raises TimeoutError after `seconds`."""
        end = time.monotonic() + seconds
        while not condition(self):
            if time.monotonic() > end:
                raise TimeoutError(f"not so within {seconds:g} s; {self!r}")
            await asyncio.sleep(0.005)

    async def start(self) -> None:
        """Listen on a free port of the loopback."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connected, "127.0.0.1", 0, ssl=self._tls, backlog=4096)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Drop every connection and stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for wire in list(self._wires):
            await wire.stop()

    def drop_idle(self) -> None:
        """Close every connection that waits for a request, as servers do after their keep-alive time."""
        for wire in [wire for wire in self._wires if wire.idle]:
            if self._loop is None:
                wire.close()
            else:
                self._loop.call_soon_threadsafe(wire.close)

    def start_in_thread(self) -> None:
        """Serve from an event loop in a thread of its own."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-upstream", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result(THREAD_DEADLINE)

    def stop_thread(self) -> None:
        """The end of `start_in_thread`."""
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result(THREAD_DEADLINE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(THREAD_DEADLINE)
        self._loop.close()
        self._loop = self._thread = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self.start_in_thread()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop_thread()

    def __repr__(self) -> str:
        return f"<ScriptedUpstream {self.url} asked={self.asked} disconnects={len(self.disconnects)}>"

    def _connected(self) -> Wire:
        self.connections += 1
        return Wire(self.connections, self._answer, self.disconnects.append, self._wires)

    async def _answer(self, received: Received, wire: Wire) -> None:
        self.requests.append(received)
        await play(self._script_for(received), received, wire)

    def _script_for(self, received: Received) -> Script:
        route = received.route
        ends = sorted((key for key in self._scripts if key[:1] == "*" and route.endswith(key[1:])), key=len)
        for key in (received.model, received.path, route, *reversed(ends)):
            if key and (scripts := self._scripts.get(key)):
                return scripts.pop(0) if len(scripts) > 1 else scripts[0]
        return Script()
