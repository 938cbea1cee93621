"""Writes a body that is still coming, while its connection listens for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from nova_core.types.upload import StreamedBody

LAST_CHUNK = b"0\r\n\r\n"


def framed(body: StreamedBody, length: int | None) -> AsyncIterator[bytes]:
    """A body as HTTP/1.1 sends it: in chunks where nobody knows its length."""
    return _chunked(body) if length is None else measured(body, length)


async def measured(body: StreamedBody, length: int | None) -> AsyncIterator[bytes]:
    """The pieces of a body. Raises ValueError where they are not `length` bytes in all."""
    seen = 0
    async for piece in body.chunks():
        seen += len(piece)
        if length is not None and seen > length:
            break
        if piece:
            yield piece
    if length is not None and seen != length:
        raise ValueError("a body is not as long as it was said to be")


async def _chunked(body: StreamedBody) -> AsyncIterator[bytes]:
    async for piece in body.chunks():
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield LAST_CHUNK


class Outlet(Protocol):
    """Where bytes go: the connection, as far as a body is concerned."""

    @property
    def blocked(self) -> bool:
        """Whether the upstream is behind, and more would only pile up here."""
        ...

    def write(self, data: bytes) -> None:
        """Send this."""
        ...

    def sent(self) -> None:
        """There is nothing more to send, or nothing more can be."""
        ...


class Sending:
    """One sending of one body, in a task of its own; `go_on` says that the upstream may have caught up."""

    __slots__ = ("_free", "_outlet", "_pieces", "_task")

    def __init__(self, pieces: AsyncIterator[bytes], outlet: Outlet) -> None:
        self._pieces = pieces
        self._outlet = outlet
        self._free = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._write(), name="send a body")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # perhaps nobody waits for what it says any more
        self._outlet.sent()

    @property
    def done(self) -> bool:
        """Whether there is nothing more to send, or nothing more can be."""
        return self._task.done()

    @property
    def failed(self) -> bool:
        """Whether it ended without sending all."""
        return self._task.done() and (self._task.cancelled() or self._task.exception() is not None)

    def leave(self) -> None:
        """Send no more; nobody waits for what becomes of it."""
        self._task.cancel()

    def go_on(self) -> None:
        """Look again whether there is room."""
        if not self._outlet.blocked:
            self._free.set()

    async def end(self) -> bool:
        """Send no more; whether all was sent. Raises what the body raised."""
        task = self._task
        if task.done() and not task.cancelled():
            task.result()
            return True
        task.cancel()
        await asyncio.wait((task,))
        return False

    async def _write(self) -> None:
        outlet = self._outlet
        async for piece in self._pieces:
            while outlet.blocked:
                self._free.clear()
                await self._free.wait()
            outlet.write(piece)
