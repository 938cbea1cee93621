"""Writes a body that is still coming, while its connection listens for the answer."""

from __future__ import annotations

import asyncio
from typing import Protocol

from nova_core.types.upload import StreamedBody

LAST_CHUNK = b"0\r\n\r\n"


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

    __slots__ = ("_body", "_free", "_length", "_outlet", "_task")

    def __init__(self, body: StreamedBody, length: int | None, outlet: Outlet) -> None:
        self._body = body
        self._length = length
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
        outlet, left = self._outlet, self._length
        async for piece in self._body.chunks():
            if not piece:
                continue
            while outlet.blocked:
                self._free.clear()
                await self._free.wait()
            if left is None:
                outlet.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                continue
            left -= len(piece)
            outlet.write(piece)
        if left is None:
            outlet.write(LAST_CHUNK)
        elif left:
            raise ValueError("a body is not as long as it was said to be")
