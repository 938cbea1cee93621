"""One connection: writes a request, reads its answer, and is given back or closed."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Protocol, cast

from nova_core.gateway.http1.decode import Codings
from nova_core.gateway.http1.faults import DisconnectedFault, Fault, FramingFault
from nova_core.gateway.http1.framing import ChunkedFraming, ClosingFraming, Framing, LengthFraming
from nova_core.gateway.http1.head import END, ResponseHeads, check_beginning
from nova_core.gateway.http1.stream import Http1Stream
from nova_core.gateway.transport import TransportOptions

if TYPE_CHECKING:
    from nova_core.gateway.http1.pool import Origin

# A body up to this size goes out together with its head.
JOINED = 64 * 1024
PIECE = 256 * 1024
INTERIM_ANSWERS = 20
# Timers of event loops may be early by their resolution.
EARLY = 0.001


class Keeper(Protocol):
    """Who owns connections: the pool."""

    heads: ResponseHeads
    codings: Codings
    options: TransportOptions

    def release(self, connection: Connection) -> None:
        """Its exchange is complete, and it can carry another."""
        ...

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        ...


class Connection(asyncio.Protocol):
    """Carries one exchange at a time. Bytes that come when none is asked for close it.

    There is one timer a connection, set anew only when a deadline comes before the one it is set to: waits that
    end in time, which is nearly all, cost no timer.
    """

    __slots__ = (
        "_blocked",
        "_bodyless",
        "_buffer",
        "_cut",
        "_deadline",
        "_fault",
        "_framing",
        "_heard",
        "_interim",
        "_keep_alive",
        "_keeper",
        "_loop",
        "_paused",
        "_stream",
        "_timer",
        "_timer_at",
        "_transport",
        "_waiter",
        "asked",
        "closed",
        "idle",
        "origin",
    )

    def __init__(self, keeper: Keeper, origin: Origin, loop: asyncio.AbstractEventLoop) -> None:
        self.origin = origin
        self.closed = False
        self.idle = False
        self.asked = False
        self._keeper = keeper
        self._loop = loop
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self._deadline = math.inf
        self._paused = self._blocked = self._cut = False
        self._heard = self._bodyless = self._keep_alive = False
        self._interim = 0
        self._buffer: bytearray | None = None
        self._stream: Http1Stream | None = None
        self._framing: Framing | None = None
        self._fault: Fault | None = None

    @property
    def where(self) -> str:
        """How errors name the upstream."""
        return self.origin.where

    def now(self) -> float:
        """The loop's clock, in seconds."""
        return self._loop.time()

    async def ask(self, head: bytes, body: bytes | None, deadline: float, *, bodyless: bool) -> Http1Stream:
        """Send a request and wait for the head of its answer. Raises Fault and TimeoutError."""
        self.asked = True
        self._bodyless = bodyless
        self._heard = self._cut = False
        self._interim = 0
        if self._fault is not None or self._transport.is_closing():
            raise DisconnectedFault(heard=False)
        if not body:
            self._transport.write(head)
        elif len(body) <= JOINED:
            self._transport.write(head + body)
        else:
            await self._send(head, body, deadline)
        while (stream := self._stream) is None:
            if self._fault is not None:
                raise self._fault
            await self.wait(deadline)
        if stream.complete:
            self._stream = None
        return stream

    async def _send(self, head: bytes, body: bytes, deadline: float) -> None:
        """Write a large body as fast as it is taken; an answer that comes meanwhile ends that."""
        rest = memoryview(body)
        self._transport.writelines((head, rest[:PIECE]))
        sent = PIECE
        while sent < len(rest) and self._stream is None and self._fault is None:
            if self._blocked:
                await self.wait(deadline)
            else:
                self._transport.write(rest[sent : sent + PIECE])
                sent += PIECE
        self._cut = sent < len(rest)

    async def wait(self, deadline: float) -> None:
        """Until something happens here. Raises TimeoutError at `deadline`, in seconds of the loop's clock."""
        waiter = self._waiter = self._loop.create_future()
        self._deadline = deadline
        if deadline < self._timer_at:
            self._arm(deadline)
        try:
            await waiter
        finally:
            self._waiter = None
            self._deadline = math.inf

    def wake(self) -> None:
        """Something happened."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def rest(self, seconds: float) -> None:
        """Be idle, for so long at most."""
        self.idle = True
        self._deadline = deadline = self._loop.time() + seconds
        if deadline < self._timer_at:
            self._arm(deadline)

    def rouse(self) -> bool:
        """No longer be idle; whether it can carry an exchange."""
        self.idle = False
        self._deadline = math.inf
        return not self.closed and not self._transport.is_closing()

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        if self._deadline == math.inf:
            return
        if self._deadline - self._loop.time() > EARLY:
            self._arm(self._deadline)
        elif self.idle:
            self.close()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def pause(self) -> None:
        """Take no more from the socket for now."""
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Take what the socket has."""
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def close(self) -> None:
        """Close the socket at once. Whoever waits here is told that the connection is gone."""
        if self.closed:
            return
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()
        if self._fault is None:
            self._fault = DisconnectedFault(heard=self._heard)
        if self._stream is not None:
            self._stream.broken(self._fault)
            self._stream = None
        self._framing = None
        self._buffer = None
        self._keeper.forget(self)
        self.wake()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.close()

    def eof_received(self) -> None:
        """The upstream sends no more, so there is no more use in sending to it either."""
        if self._framing is not None and self._framing.ends_with_connection:
            self._finish()
        self.close()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._blocked = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._blocked = False
        self.wake()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            if self._framing is not None:
                self._body(self._framing, data)
            elif self.asked and not self.closed:
                self._heard = True
                self._head(data)
            else:
                self.close()
        except FramingFault as fault:
            self._fault = fault
            self.close()

    def _head(self, data: bytes) -> None:
        """Bytes of a head, perhaps with its body and, before it, interim answers."""
        while True:
            if self._buffer is not None:
                data, searched = self._joined(data)
            else:
                searched = 0
            end = data.find(END, max(0, searched - 3))
            limit = self._keeper.options.header_limit
            if (end if end >= 0 else len(data)) > limit:
                raise FramingFault(f"headers of more than {limit} bytes")
            if end < 0:
                check_beginning(data, searched)
                self._buffer = data if isinstance(data, bytearray) else bytearray(data)
                return
            self._buffer = None
            end += len(END)
            head = self._keeper.heads.parse(bytes(data[:end]), bodyless=self._bodyless)
            data = bytes(data[end:])
            if head.status >= 200:
                break
            self._interim += 1
            if self._interim > INTERIM_ANSWERS:
                raise FramingFault("too many interim answers")
            if not data:
                return
        self._keep_alive = head.keep_alive
        self._stream = Http1Stream(self, head, self._keeper.codings, self._keeper.options)
        if head.length == len(data):
            if data:
                self._stream.feed(data)
            self._finish()
            return
        if head.chunked:
            self._framing = ChunkedFraming()
        else:
            self._framing = ClosingFraming() if head.length is None else LengthFraming(head.length)
        if data:
            self._body(self._framing, data)
        self.wake()

    def _joined(self, data: bytes) -> tuple[bytearray, int]:
        """What has come of the head with `data` behind it, and how much of that was there before."""
        assert self._buffer is not None
        searched = len(self._buffer)
        self._buffer += data
        return self._buffer, searched

    def _body(self, framing: Framing, data: bytes) -> None:
        piece = framing.feed(data)
        if piece and self._stream is not None:
            self._stream.feed(piece)
        if framing.fault is not None:
            raise framing.fault
        if framing.done:
            self._finish(surplus=framing.surplus)

    def _finish(self, *, surplus: bool = False) -> None:
        """The answer is complete. The connection is kept only if both sides are at the start of a message."""
        stream = self._stream
        assert stream is not None
        stream.complete = True
        self._framing = None
        self.asked = False
        if self._waiter is None or not self._keep_alive: ...
