"""The HTTP/1.1 connection: uvicorn's httptools protocol with limits on headers and on slow peers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from nova_core.config.sections import Limits
from nova_core.server.upgrades import PlainProtocol

REQUEST_LINE_ALLOWANCE = 8 * 1024
HEAD_SECONDS = 20.0
LINGER_SECONDS = 2.0


class HeadRefusedError(Exception):
    """The head of a request is over a limit."""


class LimitedProtocol(PlainProtocol):
    """Refuses heads that are too big (431) or too slow (408), and peers that stop reading for too long.

    Subclasses are made by `protocol_with`, which sets the limits.
    """

    limits: Limits
    head_seconds = HEAD_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A peer connected: it has some time to send its first head."""
        super().connection_made(transport)
        self._head_bytes = 0
        self._in_head = True
        self._closing = False
        self._refusal = (400, "The request is not valid HTTP.")
        self._stalled: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = self.loop.call_later(self.head_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        self._forget_slow()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes arrived. A head that is not complete after them is timed, and measured as it grows."""
        if self._closing:
            return
        super().data_received(data)
        if not self._in_head or self._closing:
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.limits.header_kb * 1024 + REQUEST_LINE_ALLOWANCE:
            self._refuse(431, "The request's headers are too large.")
        elif self._slow is None:
            self._slow = self.loop.call_later(self.head_seconds, self._too_slow)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        self._measured = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. Raises HeadRefusedError, which ends the parsing."""
        if self.head_again is not None:
            return
        self._measured += len(name) + len(value) + 4
        if self._measured > self.limits.header_kb * 1024 or len(self.headers) >= self.limits.header_count:
            self._refusal = (431, "The request's headers are too many or too large.")
            raise HeadRefusedError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: from here on the application's own limits count."""
        self._in_head = False
        self._forget_slow()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn asks for when it cannot parse on."""
        self._refuse(*self._refusal)

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is written to; it gets the idle time to go on."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.limits.idle_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The peer reads again."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def finish_up(self) -> None:
        """The process is about to stop: this connection ends with the next answer that begins, and says so.

        An answer that has begun without saying so leaves the connection open: its peer may send the next request
        at once, and would see it reset.
        """
        if self._answering and not self.cycle.response_started:
            self.cycle.keep_alive = False

    @property
    def _answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _too_slow(self) -> None:
        self._slow = None
        if not self.cycle and self._head_bytes == 0:
            self.transport.close()
        else:
            self._refuse(408, "The request's headers did not arrive in time.")

    def _forget_slow(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _refuse(self, status: int, message: str) -> None:
        self._closing = True
        self._forget_slow()
        if self.transport.is_closing():
            return
        if self._answering:
            self.transport.close()  # what was pipelined behind the request being answered cannot be answered
            return
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": str(status)}
        content = msgspec.json.encode({"error": error})
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(content)
        self.transport.write(STATUS_LINE[status] + head + content)
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        # What the peer still sends is read and dropped for a moment: closing at once would reset the connection,
        # and the peer would lose the answer.
        self.transport.write_eof()
        self._slow = self.loop.call_later(LINGER_SECONDS, self.transport.close)


def protocol_with(limits: Limits, *, draining: Callable[[], bool] | None = None) -> type[Any]:
    """The protocol class for these limits. While `draining`, every answer ends its connection."""

    class Protocol(LimitedProtocol):
        def on_headers_complete(self) -> None:
            super().on_headers_complete()
            if draining is not None and draining():
                self.cycle.keep_alive = False

    Protocol.limits = limits
    return Protocol
