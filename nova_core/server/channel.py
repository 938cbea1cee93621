"""Messages between the parent process and a worker: pickled tuples over a private socket pair."""

from __future__ import annotations

import asyncio
import pickle
import socket
from typing import Any, Self

Message = tuple[Any, ...]


class Channel:
    """One end. Both ends are processes of one gateway, made by the parent, so pickle is safe here."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, sock: socket.socket) -> Self:
        """The end that `sock` is."""
        return cls(*await asyncio.open_connection(sock=sock))

    def send(self, *message: Any) -> None:
        """Send a message; nothing happens when the other end is gone."""
        content = pickle.dumps(message)
        if not self._writer.is_closing():
            self._writer.write(len(content).to_bytes(8, "big") + content)

    async def receive(self) -> Message | None:
        """The next message; None when the other end is gone."""
        try:
            size = int.from_bytes(await self._reader.readexactly(8), "big")
            message: Message = pickle.loads(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return message

    def close(self) -> None:
        """Done with it."""
        self._writer.close()
