"""One connection: writes a request, reads its answer, and is given back or closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from nova_core.gateway.http1.alarm import Alarm
from nova_core.gateway.http1.faults import DisconnectedFault, Fault, FramingFault
from nova_core.gateway.http1.framing import ChunkedFraming, ClosingFraming, Framing, LengthFraming
from nova_core.gateway.http1.head import Head, HeadReader
from nova_core.gateway.http1.owners import Asker, Keeper
from nova_core.gateway.http1.request import CHUNKED_END
from nova_core.gateway.http1.sending import Sending, framed
from nova_core.gateway.http1.stream import Http1Stream
from nova_core.types.upload import InMemory, StreamedBody

if TYPE_CHECKING:
    from nova_core.gateway.http1.pool import Origin

# A body up to this size goes out together with its head.
JOINED = 64 * 1024
PIECE = 256 * 1024
INTERIM_ANSWERS = 20


class Connection(asyncio.Protocol):
    """Carries one exchange at a time. Bytes that come when none is asked for, or not yet, close it."""

    __slots__ = (
        "_alarm",
        "_asker",
        "_blocked",
        "_bodyless",
        "_cut",
        "_fault",
        "_framing",
        "_head",
        "_heard",
        "_interim",
        "_keep_alive",
        "_keeper",
        "_loop",
        "_outbox",
        "_paused",
        "_picked",
        "_sending",
        "_stream",
        "_transport",
        "_unsent",
        "_waiter",
        "asked",
        "closed",
        "expect",
        "idle",
        "origin",
        "used",
    )

    def __init__(self, keeper: Keeper, origin: Origin, loop: asyncio.AbstractEventLoop) -> None:
        self.origin = origin
        self.closed = False
        self.idle = False
        self.asked = False
        self.used = False
        self._keeper = keeper
        self._loop = loop
        self._outbox = keeper.outbox
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._asker: Asker | None = None
        self._alarm = Alarm(loop, self._ring)
        # Whoever waits has patience for so many seconds again, or who is idle time.
        self.expect = self._alarm.put_off
        self._head = HeadReader(keeper.options.header_limit)
        self._paused = self._blocked = self._cut = False
        self._heard = self._bodyless = self._keep_alive = self._picked = False
        self._interim = 0
        self._sending: Sending | None = None
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

    async def ask(
        self, head: bytes, body: bytes | StreamedBody | None, deadline: float, *, bodyless: bool
    ) -> Http1Stream:
        """Send a request and wait for the head of its answer. Raises Fault and TimeoutError."""
        self._begin(bodyless=bodyless)
        if self._fault is not None or self._transport.is_closing():
            raise DisconnectedFault(heard=False)
        if not body:
            self._unsent = self._outbox.put(self._transport, head)
        elif not isinstance(body, bytes):
            await self._send_coming(head, body, deadline)
        elif len(body) <= JOINED:
            self._unsent = self._outbox.put(self._transport, head + body)
        else:
            await self._send(head, body, deadline)
        return await self.answer(deadline)

    def send(self, head: bytes, body: bytes, deadline: float, asker: Asker) -> None:
        """Send a request with a body of up to `PIECE` bytes.

        `asker` is told of its answer, by `deadline` at the latest.
        """
        self._begin(bodyless=False)
        self._asker = asker
        self._alarm.set(deadline)
        if len(body) <= JOINED:
            self._unsent = self._outbox.put(self._transport, head + body)
        else:
            self._transport.writelines((head, body))

    async def answer(self, deadline: float) -> Http1Stream:
        """Wait for the head of the answer to what was sent. Raises Fault and TimeoutError."""
        while (stream := self._stream) is None:
            if self._fault is not None:
                raise self._fault
            await self.wait(deadline)
        self._picked = True
        if stream.complete:
            self._part()
        return stream

    def wait_for_nobody(self) -> None:
        """Tell the asker nothing: `answer` will be called instead."""
        self._asker = None
        self._alarm.clear()

    def whole(self, head: Head, body: bytes) -> Http1Stream:
        """An answer that has come at once, as one that is read."""
        stream = Http1Stream(self, head, self._keeper.codings, self._keeper.options)
        stream.whole(body)
        return stream

    def _begin(self, *, bodyless: bool) -> None:
        self.asked = self.used = True
        self._bodyless = bodyless
        self._heard = self._cut = self._picked = False
        self._interim = 0
        self._unsent = -1

    def _leave_to_asker(self) -> None:
        asker, self._asker = self._asker, None
        if asker is not None:
            self._alarm.clear()
            asker.unanswered()

    async def _send(self, head: bytes, body: bytes, deadline: float) -> None:
        """Write a large body as fast as it is taken; an answer that comes meanwhile may end that."""
        rest = memoryview(body)
        self._transport.writelines((head, rest[:PIECE]))
        sent = PIECE
        while sent < len(rest) and self._stream is None and self._fault is None:
            if self._blocked:
                await self.wait(deadline)
            else:
                self._transport.write(rest[sent : sent + PIECE])
                sent += PIECE
        if sent < len(rest):
            self._cut = True
            if self._wants_more:
                self._sending = Sending(framed(InMemory(body[sent:]), len(body) - sent), self)

    async def _send_coming(self, head: bytes, body: StreamedBody, deadline: float) -> None:
        """Write a body as it comes and as fast as it is taken; an answer that comes meanwhile may end that."""
        self._transport.write(head)
        # The length may have become known since the head was made.
        sending = Sending(framed(body, None if head.endswith(CHUNKED_END) else body.length), self)
        going_on = False
        self._sending = sending
        try:
            while not sending.done and self._stream is None and self._fault is None:
                await self.wait(deadline)
            self._cut = going_on = not sending.done and self._wants_more
        finally:
            if not going_on:
                self._sending = None
                self._cut = not await sending.end()

    @property
    def _wants_more(self) -> bool:
        """Whether an upstream that answers before it has the whole body reads on: it does unless it refuses."""
        return self._stream is not None and self._stream.status < 300

    def sent(self) -> None:
        """The rest of a body was sent beside its answer, or cannot be: then the upstream waits for it in vain."""
        sending = self._sending
        if sending is not None and self._stream is not None:
            self._sending = None
            if sending.failed:
                self.close()
            self._cut = False
        self.wake()

    @property
    def blocked(self) -> bool:
        """Whether the upstream is behind in reading."""
        return self._blocked

    def write(self, data: bytes) -> None:
        """A piece of a body."""
        self._transport.write(data)

    async def wait(self, deadline: float) -> None:
        """Until something happens here. Raises TimeoutError at `deadline`, in seconds of the loop's clock."""
        waiter = self._waiter = self._loop.create_future()
        self._alarm.set(deadline)
        try:
            await waiter
        finally:
            # Once an exchange is complete the connection may serve another before this line is reached.
            if self._waiter is waiter:
                self._waiter = None
                self._alarm.clear()

    def wake(self) -> None:
        """Something happened."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def rouse(self) -> bool:
        """No longer be idle; whether it can carry an exchange."""
        self.idle = False  # and the alarm, which may still ring, says nothing
        return not self.closed and not self._transport.is_closing()

    def _ring(self) -> None:
        if self.idle:
            self.close()
        elif self._asker is not None:
            self._leave_to_asker()
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
        self._alarm.end()
        self._transport.abort()
        if self._sending is not None:
            self._sending.leave()
            self._sending = None
        if self._fault is None:
            self._fault = DisconnectedFault(heard=self._heard)
        if self._stream is not None:
            self._stream.broken(self._fault)
            if self._picked:
                self._stream = None
        self._framing = None
        self._keeper.forget(self)
        self.wake()
        self._leave_to_asker()

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
        if self._sending is not None:
            self._sending.go_on()
        self.wake()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        framing = self._framing
        try:
            if framing is not None:
                piece = framing.feed(data)
                if piece and self._stream is not None:
                    self._stream.feed(piece)
                if framing.fault is not None:
                    raise framing.fault
                if framing.done:
                    self._finish(surplus=framing.surplus)
            elif self.asked and not self.closed and self._unsent != self._outbox.flushed:
                self._heard = True
                self._heads(data)
            else:
                self.close()
        except FramingFault as fault:
            self._fault = fault
            self.close()

    def _heads(self, data: bytes) -> None:
        """Bytes of a head, perhaps with its body and, before it, interim answers."""
        while data and (found := self._head.read(data, bodyless=self._bodyless)) is not None:
            head, data = found
            if head.status >= 200:
                self._answer(head, data)
                return
            self._interim += 1
            if self._interim > INTERIM_ANSWERS:
                raise FramingFault("too many interim answers")

    def _answer(self, head: Head, data: bytes) -> None:
        """The head of the answer has come, and `data` of its body."""
        self._keep_alive = head.keep_alive
        asker = self._asker
        if asker is not None and head.length == len(data) and head.status < 300:
            self._asker = None
            self.asked = False
            self._part()  # which sets the alarm anew, or ends it
            asker.answered(head, data)
            return
        stream = self._stream = Http1Stream(self, head, self._keeper.codings, self._keeper.options)
        if head.length == len(data):
            stream.whole(data)
            self.asked = False
            self.wake()
            self._leave_to_asker()
            return
        if head.chunked:
            self._framing = ChunkedFraming()
        else:
            self._framing = ClosingFraming() if head.length is None else LengthFraming(head.length)
        if data:
            self.data_received(data)
        self.wake()
        self._leave_to_asker()

    def _finish(self, *, surplus: bool = False) -> None:
        """The answer is complete; who asked parts with the connection, unless they have had the answer's head."""
        stream = self._stream
        assert stream is not None
        stream.complete = True
        self._framing = None
        self.asked = False
        self._keep_alive = self._keep_alive and not surplus
        self.wake()
        if self._picked:
            self._waiter = None
            self._part()

    def _part(self) -> None:
        """Give the connection back if both sides are at the start of a message, else close it."""
        self._stream = None
        if self.closed:
            return
        if not self._keep_alive or self._cut or self._transport.get_write_buffer_size():
            self.close()
            return
        if self._paused:
            self.resume()
        self._keeper.release(self)
