"""One connection: carries many requests at once, and keeps what they do to each other within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, TooManyStreamsError
from hpack import HeaderTuple

from nova_core.gateway.http1.alarm import Alarm
from nova_core.gateway.http1.faults import DisconnectedFault, Fault, FramingFault
from nova_core.gateway.http2.faults import OldProtocolFault, RefusedFault, framing_fault
from nova_core.gateway.http2.frames import GOAWAY, Frames, last_stream_of
from nova_core.gateway.http2.line import Line
from nova_core.gateway.http2.outgoing import Outgoing
from nova_core.gateway.http2.owners import Keeper
from nova_core.gateway.http2.rules import Rules

if TYPE_CHECKING:
    from nova_core.gateway.http2.pool import Origin

# Of what it asks us to answer, as pings, an upstream leaves so much unread at most.
MOST_UNREAD = 1024 * 1024
LAST_STREAM = 2**31 - 1_000
LINGER_SECONDS = 1.0


class Http2Connection(asyncio.Protocol):
    """Carries lines. `made` is when, on the loop's clock."""

    def __init__(self, keeper: Keeper, origin: Origin, loop: asyncio.AbstractEventLoop) -> None:
        self.origin = origin
        self.made = loop.time()
        self.codings = keeper.codings
        # Whatever nobody has taken yet stays unacknowledged.
        self.stream_options = replace(keeper.options, read_buffer=0)
        self.closed = False
        self.lines: set[Line] = set()
        self._keeper = keeper
        self._loop = loop
        self._transport: asyncio.Transport
        self._rules = Rules(keeper.options)
        self._outgoing = Outgoing(self._rules, loop)
        self._frames = Frames(keeper.options.header_limit)
        self._numbered: dict[int, Line] = {}
        self._alarm = Alarm(loop, self._ring)
        self._settled: asyncio.Future[None] = loop.create_future()
        self._fault: Fault | None = None
        self._draining = self._opened = self._pinged = self._used = False

    @property
    def where(self) -> str:
        """How errors name the upstream."""
        return self.origin.address.where

    @property
    def room(self) -> int:
        """How many lines more it can carry."""
        if self.closed or self._draining or not self._settled.done():
            return 0
        return min(self._keeper.bounds.most_streams, self._rules.remote_settings.max_concurrent_streams) - len(
            self.lines
        )

    async def settled(self) -> None:
        """Until the upstream has said how it wants to be spoken to. Raises Fault."""
        await self._settled
        if self._fault is not None:
            raise self._fault

    def line(self) -> Line:
        """A place on it, which is to be asked on or closed."""
        line = Line(self, self._loop, kept=self._used)
        self.lines.add(line)
        self._look_out()
        return line

    def begin(self, line: Line, fields: Sequence[HeaderTuple], *, last: bool) -> None:
        """Send the head of a request. Raises RefusedFault where there is no place for it any more."""
        number = self._rules.get_next_available_stream_id()
        try:
            self._rules.send_headers(number, fields, end_stream=last)
        except TooManyStreamsError:
            line.fail(RefusedFault())
            self._part(line)
            raise RefusedFault from None
        line.number = number
        self._numbered[number] = line
        self._draining = self._draining or number > LAST_STREAM
        self._outgoing.soon()

    def send(self, line: Line) -> None:
        """There is something of a body to send."""
        self._outgoing.send(line)

    def acknowledge(self, line: Line, size: int) -> None:
        """So many bytes have been taken: the upstream may send as many more."""
        if not self.closed and line.number:
            self._rules.acknowledge_received_data(size, line.number)
            self._outgoing.soon()

    def leave(self, line: Line, code: ErrorCodes) -> None:
        """Have the upstream stop its work on a request."""
        if line.number and not self.closed:
            self._rules.end(line.number, code)
            self._outgoing.soon()
        self._part(line)

    def _part(self, line: Line) -> None:
        self.lines.discard(line)
        self._outgoing.drop(line)
        self._numbered.pop(line.number, None)
        if self.closed:
            return
        if self._draining and not self.lines:
            self.close()
            return
        self._look_out()
        self._keeper.freed(self)

    def _look_out(self) -> None:
        """Wait for the next sign of life, or for the end of being idle."""
        idle = self._keeper.options.keepalive_timeout
        self._alarm.put_off(self._keeper.bounds.ping_after if self.lines else idle)

    def _ring(self) -> None:
        if not self.lines:
            self.close()
        elif self._pinged:
            self._lost()
        else:
            self._pinged = True
            self._rules.ping(b"are you?")
            self._outgoing.write()
            self._alarm.put_off(self._keeper.bounds.ping_patience)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        tls = transport.get_extra_info("ssl_object")
        if tls is None or tls.selected_alpn_protocol() == "h2":
            self._outgoing.begin(self._transport)
            return
        self._fault = OldProtocolFault()
        self.abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self.closed:
            return
        if self.lines:
            self._pinged = False
            self._look_out()
        try:
            self._read(data)
        except FramingFault as fault:
            self._rules.close_connection(ErrorCodes.PROTOCOL_ERROR)
            self._break(fault)
        except ProtocolError as error:
            self._break(framing_fault(error))
        else:
            self._outgoing.soon()
            if self._transport.get_write_buffer_size() > MOST_UNREAD:
                self._break(FramingFault("it reads nothing of what it asks for"))

    def _read(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            if frame.kind == GOAWAY:
                # For `h2` everything ends with it, also what the upstream promises to bring to an end.
                self._drain(last_stream_of(frame))
            else:
                for event in self._rules.receive_data(frame.data):
                    self._happened(event)
            if self.closed:
                return
        if self._opened:
            self._opened = False
            self._outgoing.pump()

    def _happened(self, event: Event) -> None:
        match event:
            case DataReceived() | ResponseReceived() | InformationalResponseReceived() | StreamEnded() | StreamReset():
                line = self._numbered.get(event.stream_id)
                if line is not None:
                    self._tell(line, event)
            case WindowUpdated():
                self._opened = True
            case RemoteSettingsChanged():
                self._settle()

    def _tell(self, line: Line, event: Event) -> None:
        """Tell a line what has happened to it; an answer that breaks the rules ends alone."""
        try:
            match event:
                case DataReceived():
                    line.data(event.data, event.flow_controlled_length)
                case ResponseReceived():
                    self._used = True
                    line.answered(cast(list[tuple[str, str]], event.headers))
                case InformationalResponseReceived():
                    line.interim(cast(list[tuple[str, str]], event.headers))
                case StreamEnded():
                    line.ended()
                    self.leave(line, ErrorCodes.NO_ERROR)
                case StreamReset():
                    line.reset(event.error_code)
                    self._part(line)
        except FramingFault as fault:
            line.fail(fault)
            self.leave(line, ErrorCodes.PROTOCOL_ERROR)

    def _settle(self) -> None:
        self._rules.bound_memory()
        self._opened = True
        if not self._settled.done():
            self._settled.set_result(None)
            self._look_out()
        self._keeper.freed(self)

    def _drain(self, last: int) -> None:
        """The upstream takes no more streams, and has done nothing about those above `last`."""
        self._draining = True
        for line in list(self.lines):
            if line.number > last or not line.number:
                line.fail(RefusedFault())
                self._part(line)
        if not self.lines:
            self.close()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._outgoing.blocked = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._outgoing.blocked = False
        if not self.closed:
            self._outgoing.pump()

    def eof_received(self) -> None:
        """The upstream sends no more, so there is no more use in sending to it either."""
        self._lost()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._lost()

    def _lost(self) -> None:
        self._end(None)
        self._transport.abort()

    def _break(self, fault: FramingFault) -> None:
        """What has come breaks the rules: nothing here can be trusted any more."""
        data = self._rules.data_to_send()
        self._end(fault)
        self._say_last(data)

    def close(self) -> None:
        """Take leave of the upstream."""
        if not self.closed:
            self._rules.close_connection()
            data = self._rules.data_to_send()
            self._end(None)
            self._say_last(data)

    def abort(self) -> None:
        """Close the socket at once."""
        if not self.closed:
            self._end(None)
        self._transport.abort()

    def _say_last(self, data: bytes) -> None:
        transport = self._transport
        if transport.get_write_buffer_size():
            transport.abort()
        else:
            transport.write(data)
            transport.close()
            self._loop.call_later(LINGER_SECONDS, transport.abort)

    def _end(self, fault: Fault | None) -> None:
        if self.closed:
            return
        self.closed = True
        self._alarm.end()
        self._fault = self._fault or fault or DisconnectedFault(heard=False)
        if not self._settled.done():
            self._settled.set_result(None)
        for line in list(self.lines):
            line.fail((fault or DisconnectedFault(heard=line.heard)) if line.number else RefusedFault())
        self.lines.clear()
        self._numbered.clear()
        self._outgoing.end()
        self._keeper.forget(self)
