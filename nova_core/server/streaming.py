"""Writes a streamed answer: pieces that are ready together go out together, and every layer is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from nova_core.gateway.relay import CallerStream
from nova_core.server.body import Send
from nova_core.server.headers import RawHeaders

WAITING_BYTES = 64 * 1024


class Outbox:
    """Pieces between the one who makes them and the one who writes them; bounded in bytes."""

    def __init__(self, limit: int = WAITING_BYTES) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._ended = False
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def fill(self, source: AsyncIterator[bytes]) -> None:
        """Take everything from `source`, waiting while the writer is behind. Raises what the source raises."""
        try:
            async for piece in source:
                self._pieces.append(piece)
                self._size += len(piece)
                self._ready.set()
                if self._size >= self._limit:
                    self._room.clear()
                    await self._room.wait()
        finally:
            self._ended = True
            self._ready.set()

    async def batches(self) -> AsyncIterator[bytes]:
        """What has gathered, as soon as there is something."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            if self._pieces:
                batch = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
                self._pieces.clear()
                self._size = 0
                self._room.set()
                yield batch
            elif self._ended:
                return
            if self._ended:
                self._ready.set()


async def send_stream(stream: CallerStream, headers: RawHeaders, send: Send) -> None:
    """Write the stream to its end; closed on every exit, also when the writer is cancelled."""
    outbox = Outbox()
    making = asyncio.get_running_loop().create_task(outbox.fill(aiter(stream)))
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for batch in outbox.batches():
            await send({"type": "http.response.body", "body": batch, "more_body": True})
        await making
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        await asyncio.shield(_close(making, stream))


async def _close(making: asyncio.Task[None], stream: CallerStream) -> None:
    making.cancel()
    await asyncio.wait((making,))
    await stream.aclose()
