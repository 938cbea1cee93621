"""A connection whose peer may read slowly, but may not stop reading; and that is told when the process will stop."""

from __future__ import annotations

import asyncio
import sys
from abc import abstractmethod

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None  # type: ignore[assignment]


class WatchedConnection(asyncio.Protocol):
    """Drops a peer that has taken nothing for the idle time while something is written to it."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _stalled: asyncio.TimerHandle | None = None

    @property
    @abstractmethod
    def idle_seconds(self) -> float:
        """How long a peer may take nothing of what is written to it."""

    @abstractmethod
    def finish_up(self) -> None:
        """The process is about to stop: this connection is to end as soon as what it does has ended."""

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is written to; it may be slow, but not stop for the idle time."""
        super().pause_writing()
        self._watch_reader(self.unread)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self.watch_no_more()
        super().resume_writing()

    def watch_no_more(self) -> None:
        """Forget how long the peer has not been reading."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    @property
    def unread(self) -> int:
        """How many bytes the peer's system has not taken yet, so far as they can be seen.

        What TLS has packed already is seen only where it waits in this machine's system.
        """
        return self.transport.get_write_buffer_size() + _queued(self.transport)

    def _watch_reader(self, unread: int) -> None:
        self._stalled = self.loop.call_later(self.idle_seconds, self._look_at_reader, unread)

    def _look_at_reader(self, before: int) -> None:
        unread = self.unread
        if unread != before:
            self._watch_reader(unread)
        else:
            self.transport.abort()


def _queued(transport: asyncio.Transport) -> int:
    """How many bytes wait in the system to be sent or to be acknowledged; 0 where it does not say."""
    sock = transport.get_extra_info("socket")
    if fcntl is None or termios is None or sock is None or sock.fileno() < 0:
        return 0
    return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
