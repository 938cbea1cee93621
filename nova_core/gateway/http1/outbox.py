"""What one round of the event loop has to write, written together at the end of the round.

Who reads at the other end of a socket is woken by the first of many writes and still awake for the others. Written one
by one, with work in between, each of them finds it asleep, and waking it costs more than the write.
"""

from __future__ import annotations

import asyncio
import logging

logger = logging.getLogger("nova.gateway")

MOST_GATHERED = 32
"""More do not wait for each other: what is saved with a second waking is little beside what they would wait for."""


class Outbox:
    """Gathers writes for the sockets of one event loop. Who closes a socket that may be written to flushes first.

    `flushed` counts how often what had gathered was written.
    """

    __slots__ = ("_loop", "_pending", "flushed")

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop
        self._pending: list[tuple[asyncio.WriteTransport, bytes]] = []
        self.flushed = 0

    def put(self, transport: asyncio.WriteTransport, data: bytes) -> int:
        """Write these bytes soon, after those that were put before them. Answers `flushed`, as it is until then."""
        pending, flushed = self._pending, self.flushed
        if not pending:
            loop = self._loop
            if loop is None:
                loop = self._loop = asyncio.get_running_loop()
            loop.call_soon(self.flush)
        pending.append((transport, data))
        if len(pending) >= MOST_GATHERED:
            self.flush()
        return flushed

    def flush(self) -> None:
        """Write what has gathered, unless its socket was closed meanwhile."""
        pending, self._pending = self._pending, []
        self.flushed += 1
        for transport, data in pending:
            if transport.is_closing():
                continue
            try:
                transport.write(data)
            except Exception:
                logger.exception("a socket could not be written to")
                transport.abort()
