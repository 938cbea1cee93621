"""One request and its answer, on a connection that carries many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes
from hpack import HeaderTuple

from nova_core.gateway.http1.alarm import Alarm
from nova_core.gateway.http1.connection import INTERIM_ANSWERS
from nova_core.gateway.http1.faults import DisconnectedFault, Fault, FramingFault
from nova_core.gateway.http1.sending import Sending, measured
from nova_core.gateway.http1.stream import Http1Stream
from nova_core.gateway.http2.faults import OldProtocolFault, RefusedFault, ResetFault
from nova_core.gateway.http2.head import STATUS, head_of
from nova_core.types.upstream import UpstreamRequest

if TYPE_CHECKING:
    from nova_core.gateway.http2.connection import Http2Connection

NOTHING = memoryview(b"")


class Line:
    """Implements `Carrier` and `Outlet`. It takes a place on its connection from the moment it is made.

    Bytes of an answer are acknowledged, so that the upstream may send more, as they are taken by who reads it.
    """

    __slots__ = (
        "_alarm",
        "_bodyless",
        "_connection",
        "_fault",
        "_held",
        "_interim",
        "_length",
        "_loop",
        "_over",
        "_paused",
        "_picked",
        "_received",
        "_sending",
        "_stream",
        "_unsent",
        "_waiter",
        "_whole",
        "expect",
        "heard",
        "kept",
        "number",
        "sent_all",
        "where",
    )

    def __init__(self, connection: Http2Connection, loop: asyncio.AbstractEventLoop, *, kept: bool) -> None:
        self.number = 0
        self.where = connection.where
        self.kept = kept
        self.heard = self.sent_all = False
        self._connection = connection
        self._loop = loop
        self._alarm = Alarm(loop, self._ring)
        self.expect = self._alarm.put_off
        self._waiter: asyncio.Future[None] | None = None
        self._stream: Http1Stream | None = None
        self._fault: Fault | None = None
        self._bodyless = self._over = self._paused = self._picked = self._whole = False
        self._interim = self._received = self._held = 0
        self._length: int | None = None
        self._sending: Sending | None = None
        self._unsent: deque[memoryview] = deque()

    async def ask(self, fields: Sequence[HeaderTuple], request: UpstreamRequest, deadline: float) -> Http1Stream:
        """Send a request and wait for the head of its answer. Raises Fault, TimeoutError and what the body raises."""
        if self._fault is not None:
            raise self._fault
        body = request.body
        self._bodyless = request.method == "HEAD"
        self._connection.begin(self, fields, last=not body)
        if not body:
            self.sent_all = True
        elif isinstance(body, bytes):
            self._whole = True
            self.write(body)
        else:
            self._sending = Sending(measured(body, body.length), self)
        try:
            return await self._answer(deadline)
        finally:
            sending = self._sending
            if sending is not None and not self._wants_more:
                self._sending = None
                await sending.end()
            self._picked = True
            if self._over:
                self._stream = None

    async def _answer(self, deadline: float) -> Http1Stream:
        while (stream := self._stream) is None:
            if self._fault is not None:
                raise self._fault
            if self._sending is not None and self._sending.failed:
                await self._sending.end()
            await self.wait(deadline)
        return stream

    @property
    def _wants_more(self) -> bool:
        """Whether an upstream that answers before it has the whole body reads on: it does unless it refuses."""
        return self._stream is not None and self._stream.status < 300

    @property
    def blocked(self) -> bool:
        """See `Outlet.blocked`."""
        return bool(self._unsent)

    def write(self, data: bytes) -> None:
        """See `Outlet.write`."""
        self._unsent.append(memoryview(data))
        self._connection.send(self)

    def sent(self) -> None:
        """See `Outlet.sent`."""
        sending = self._sending
        if sending is None or self._over:
            return
        if not sending.failed:
            self._whole = True
            self._connection.send(self)
        elif self._stream is not None:
            self.close()
        self.wake()

    def cut(self, most: int) -> tuple[memoryview, bool] | None:
        """What comes next of the body, at most so many bytes, and whether it is the last. None: nothing can be sent."""
        if not self._unsent:
            return (NOTHING, True) if self._whole else None
        if most <= 0:
            return None
        piece = self._unsent.popleft()
        if len(piece) > most:
            self._unsent.appendleft(piece[most:])
            piece = piece[:most]
        return piece, self._whole and not self._unsent

    def go_on(self) -> None:
        """What was written is on its way: there may be more."""
        if self._sending is not None:
            self._sending.go_on()

    def _send_no_more(self) -> None:
        self._unsent.clear()
        self._whole = False
        if self._sending is not None:
            self._sending.leave()

    def now(self) -> float:
        """See `Carrier.now`."""
        return self._loop.time()

    async def wait(self, deadline: float) -> None:
        """See `Carrier.wait`."""
        waiter = self._waiter = self._loop.create_future()
        self._alarm.set(deadline)
        try:
            await waiter
        finally:
            self._waiter = None
            self._alarm.clear()

    def wake(self) -> None:
        """See `Carrier.wake`."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _ring(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def pause(self) -> None:
        """See `Carrier.pause`."""
        self._paused = True

    def resume(self) -> None:
        """See `Carrier.resume`."""
        self._paused = False
        self._acknowledge()

    def _acknowledge(self) -> None:
        held, self._held = self._held, 0
        if held:
            self._connection.acknowledge(self, held)

    def close(self) -> None:
        """See `Carrier.close`: the upstream is told that nobody wants this answer."""
        if not self._over:
            self.fail(DisconnectedFault(heard=self.heard))
            self._connection.leave(self, ErrorCodes.CANCEL)

    def fail(self, fault: Fault) -> None:
        """Nothing more will come, and nobody is to be told of it but who waits here."""
        if self._over:
            return
        self._over = True
        self._fault = fault
        if self._stream is not None:
            self._stream.broken(fault)
        self._end()

    def _end(self) -> None:
        self._alarm.end()
        self._send_no_more()
        self._acknowledge()
        self.wake()
        if self._picked:
            self._stream = None  # it holds on to this line

    def interim(self, fields: Sequence[tuple[str, str]]) -> None:
        """An interim answer has come. Raises FramingFault for one that HTTP/2 does not have, and for too many."""
        self.heard = True
        self._interim += 1
        if (STATUS, "101") in fields:
            raise FramingFault("an upgrade that nobody asked for")
        if self._interim > INTERIM_ANSWERS:
            raise FramingFault("too many interim answers")

    def answered(self, fields: Sequence[tuple[str, str]]) -> None:
        """The head of the answer has come. Raises FramingFault."""
        self.heard = True
        head = head_of(fields, bodyless=self._bodyless)
        self._length = head.length
        self._stream = Http1Stream(self, head, self._connection.codings, self._connection.stream_options)
        if head.status >= 300:
            self._send_no_more()
        self.wake()

    def data(self, piece: bytes, size: int) -> None:
        """A piece of the body has come, which takes `size` bytes of the windows. Raises FramingFault."""
        self._held += size
        self._received += len(piece)
        if self._stream is None or (self._length is not None and self._received > self._length):
            raise FramingFault("a body where there is none, or more of it than its headers say")
        if piece:
            self._stream.feed(piece)
        if not self._paused:
            self._acknowledge()

    def ended(self) -> None:
        """The answer is complete. Raises FramingFault for one that is not."""
        stream = self._stream
        if stream is None or (self._length is not None and self._received != self._length):
            raise FramingFault("a body of another length than its headers say")
        self._over = True
        stream.complete = True
        self._end()

    def reset(self, code: ErrorCodes | int) -> None:
        """The upstream gave the request up."""
        if self.heard:
            self.fail(ResetFault(code))
        elif code == ErrorCodes.REFUSED_STREAM:
            self.fail(RefusedFault())
        elif code == ErrorCodes.HTTP_1_1_REQUIRED:
            self.fail(OldProtocolFault())
        else:
            self.fail(ResetFault(code))
