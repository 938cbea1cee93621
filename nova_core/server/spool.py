"""What has been received of an upload: the latest in memory, what is older in a temporary file without a name."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator
from typing import IO

KEPT = 512 * 1024
"""Bytes that stay in memory; when more have come, they are written to the file together."""
PIECE = 256 * 1024


class Spool:
    """Bytes in the order in which they came, to be read from any place and any number of times while they come.

    The file is made when it is needed and has no name, so that nothing of it is left, however the process ends.
    """

    def __init__(self, *, kept: int = KEPT) -> None:
        self.size = 0
        self._kept = kept
        self._memory = bytearray()
        self._written = 0
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._news = asyncio.Event()

    @property
    def in_file(self) -> int:
        """How many bytes have gone to the file."""
        return self._written

    async def add(self, piece: bytes) -> None:
        """Keep a piece; returns when there is room for the next."""
        self._memory += piece
        self.size += len(piece)
        self.tell()
        if len(self._memory) > self._kept:
            content = bytes(self._memory)
            await asyncio.to_thread(self._write, self._written, content)
            # Whoever reads meanwhile reads from memory, so this is dropped only now.
            self._written += len(content)
            del self._memory[: len(content)]

    def tell(self) -> None:
        """Wake who waits: there is more, or there will be no more."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self) -> None:
        """Wait for more."""
        await self._news.wait()

    async def read(self, start: int, end: int) -> bytes:
        """Some bytes from `start` on, at most up to `end`; none where none are there yet."""
        end = min(end, start + PIECE, self.size)
        if start >= end:
            return b""
        if start >= self._written:
            return bytes(memoryview(self._memory)[start - self._written : end - self._written])
        return await asyncio.to_thread(self._read, start, min(end, self._written))

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            if self._file is not None:
                self._file.close()
        self._memory.clear()

    def _write(self, place: int, content: bytes) -> None:
        with self._lock:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="nova-upload-")  # noqa: SIM115  (closed with the spool)
            if not self._file.closed:
                self._file.seek(place)
                self._file.write(content)

    def _read(self, start: int, end: int) -> bytes:
        with self._lock:
            assert self._file is not None
            self._file.seek(start)
            return self._file.read(end - start)


class Spooled:
    """A part of a spool as a `StreamedBody`: from where it began to where it ends, once that is known."""

    __slots__ = ("_end", "_spool", "_start")

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._start = spool.size
        self._end: int | None = None

    def end(self, size: int) -> None:
        """All of it has come: it ended when the spool had this size."""
        self._end = size
        self._spool.tell()

    @property
    def length(self) -> int | None:
        """See `StreamedBody.length`."""
        return None if self._end is None else self._end - self._start

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `StreamedBody.chunks`."""
        place, spool = self._start, self._spool
        while True:
            end = spool.size if self._end is None else self._end
            if piece := await spool.read(place, end):
                place += len(piece)
                yield piece
            elif self._end is not None:
                return
            else:
                await spool.news()
