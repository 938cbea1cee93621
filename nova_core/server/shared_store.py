"""Shared state of the workers of one machine: their parent holds the truth, over a socket pair with each of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence

import msgspec

from nova_core.stores.ledger import Ledger
from nova_core.stores.link import LinkLostError
from nova_core.stores.operations import Answer, Operation, holder_of, holders

SIZE_BYTES = 4

_ENCODER = msgspec.msgpack.Encoder()
_ASKED = msgspec.msgpack.Decoder(tuple[int, list[Operation]])
_ANSWERED = msgspec.msgpack.Decoder(tuple[int, list[Answer]])


def _framed(number: int, content: Sequence[Operation] | Sequence[Answer]) -> bytes:
    """A batch, or the answers to it: size, then a MessagePack array of the batch's number and its content."""
    encoded = _ENCODER.encode((number, content))
    return len(encoded).to_bytes(SIZE_BYTES, "big") + encoded


class SharedStore:
    """The parent's end. What a worker holds is free as soon as its end is closed, so as soon as it died."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self._ledger = ledger or Ledger()
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self) -> socket.socket:
        """A worker's end, to be handed to it and closed here."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        task = asyncio.create_task(self._serve(reader, writer), name="shared store")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return theirs

    async def aclose(self) -> None:
        """Answer nobody any more."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known: set[str] = set()
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(SIZE_BYTES), "big")
                number, operations = _ASKED.decode(await reader.readexactly(size))
                for operation in operations:
                    known |= holders(operation)
                writer.write(_framed(number, [self._ledger.apply(operation) for operation in operations]))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the worker ended
        finally:
            self._ledger.forget(lambda id: holder_of(id) in known)
            writer.close()


class ParentLink:
    """The worker's end, a `Link`: batches are numbered, so that the answer to one given up is told from the next."""

    name = "the parent process"

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._number = 0
        self._size: int | None = None

    async def open(self) -> None:
        """The socket is there from the start; a late answer does not break it."""
        if self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(sock=self._sock)

    async def exchange(self, operations: Sequence[Operation]) -> Sequence[Answer]:
        """One batch there, its answers back. Raises LinkLostError."""
        if self._reader is None or self._writer is None:
            raise LinkLostError("not open")
        self._number += 1
        wanted = self._number
        try:
            self._writer.write(_framed(wanted, operations))
            await self._writer.drain()
            while True:
                number, answers = await self._answers(self._reader)
                if number == wanted:
                    return answers
        except (asyncio.IncompleteReadError, ConnectionError):
            raise LinkLostError("it ended") from None

    async def _answers(self, reader: asyncio.StreamReader) -> tuple[int, list[Answer]]:
        """The next frame; one whose size was read before this was given up is read on."""
        if self._size is None:
            self._size = int.from_bytes(await reader.readexactly(SIZE_BYTES), "big")
        content = await reader.readexactly(self._size)
        self._size = None
        return _ANSWERED.decode(content)

    async def close(self) -> None:
        """Nothing: there is no second socket to the parent, so this one is kept for as long as the worker lives."""

    def disconnect(self) -> None:
        """The worker ends."""
        with contextlib.suppress(OSError):
            (self._writer or self._sock).close()
