"""A server that sends the bytes it is given, split where it is told, whatever they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence


class RawServer:
    """Answers every request with the next script: pieces of bytes, sent one by one.

    `scripts` are answered in order, the last one from then on. With `close` the connection closes after an answer,
    else it stays open, whatever the answer says. `heads` are the request heads in order, `bodies` what followed
    them, `connections` counts, `on` says for each request which connection it came on.
    """

    def __init__(self, *scripts: Sequence[bytes] | bytes, close: bool = False, gap: float = 0.0) -> None:
        self.scripts: list[list[bytes]] = [[each] if isinstance(each, bytes) else list(each) for each in scripts]
        self.close = close
        self.gap = gap
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.on: list[int] = []
        self.connections = 0
        self._open = 0
        self._all_closed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until_closed(self) -> None:
        """Wait until no connection is open. Raises TimeoutError."""
        await asyncio.wait_for(self._all_closed.wait(), 2)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self._open += 1
        self._all_closed.clear()
        try:
            await self._serve(reader, writer, self.connections)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            self._open -= 1
            if not self._open:
                self._all_closed.set()
            writer.close()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(length or b"0"))
            self.heads.append(head)
            self.bodies.append(body)
            self.on.append(number)
            for piece in self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(self.gap)
            if self.close:
                return
