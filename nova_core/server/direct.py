"""A call that the connection itself serves: no ASGI between the socket and the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from nova_core.errors import ClientClosedError, RequestTimeoutError, let_go
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.underway import Underway
from nova_core.server.desk import CallDesk, Visit, stopping
from nova_core.server.headers import as_block
from nova_core.server.known_head import KnownHead
from nova_core.server.serving import Edge
from nova_core.types.call import new_id
from nova_core.types.message import Reply

if TYPE_CHECKING:
    from nova_core.server.protocol import LimitedProtocol

OK = STATUS_LINE[200]
END = b"\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class _Nothing:
    """uvicorn's protocol wakes whoever waits for a message; here nobody does."""

    def set(self) -> None:
        """Nobody waits."""


class DirectCall(Visit, eq=False, kw_only=True):
    """One request of a connection, and its answer. It stands where uvicorn's own cycle would stand.

    Who calls is known already: a request whose caller must be asked for, or is refused, goes the ordinary way.
    """

    desk: CallDesk
    edge: Edge
    protocol: LimitedProtocol
    keep_alive: bool
    disconnected: bool = False
    response_started: bool = False
    response_complete: bool = False
    waiting: bool = True
    head: bytes = b""
    pieces: list[bytes] = msgspec.field(default_factory=list)
    task: asyncio.Task[None] | None = None
    underway: Underway | None = None
    message_event: ClassVar[_Nothing] = _Nothing()

    def feed(self, piece: bytes) -> None:
        """A piece of the body."""
        self.pieces.append(piece)

    def begin(self) -> None:
        """The body is complete."""
        pieces, self.pieces = self.pieces, []
        self.take(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def take(self, body: bytes) -> None:
        """The body, whole."""
        self.waiting = False
        try:
            underway, answer = self.desk.begin(self, self.edge, body, self)
        except Exception as error:
            self._refuse(error)
            let_go(error)
            return
        if answer is not None:
            self.go_on(answer)
        elif self.task is None and not self.response_complete:
            self.underway = underway
            if not self.keep_alive and self.protocol.draining is not None and self.protocol.draining():
                self.wait()

    def go_on(self, answer: Awaitable[Reply | CallerStream]) -> None:
        """See `Told.go_on`."""
        self.underway = None
        protocol = self.protocol
        task = self.task = protocol.loop.create_task(self._serve(answer))
        protocol.tasks.add(task)

    def reply(self, reply: Reply) -> None:
        """See `Told.reply`."""
        self.underway = None
        if self.protocol.flow.write_paused:
            self.go_on(_given(reply))
            return
        try:
            content = reply.encode()
            head = self.desk.reply_head(self, self.edge, reply, len(content))
        except Exception as error:
            self._refuse(error)
            let_go(error)
            return
        self._write(OK, head, content)

    def wait(self) -> None:
        """Go on in a task, which the server waits for, or ends."""
        if self.underway is not None:
            self.underway.wait()

    def too_slow(self, seconds: float) -> None:
        """The body did not come in time."""
        self.waiting = False
        self.keep_alive = False
        self._refuse(RequestTimeoutError(f"the request body did not arrive within {seconds:g} seconds"))

    def leave(self) -> None:
        """The caller is gone."""
        if self.response_complete:
            return
        if self.waiting:
            self.desk.refusal(self, ClientClosedError("the caller left while sending the request"))
            return
        self.disconnected = True
        self.wait()
        task = self.task
        if task is not None:
            # Not before it has begun: what is to be accounted for, and closed, is so in it.
            self.protocol.loop.call_soon(task.cancel, "the caller left")

    async def _serve(self, answering: Awaitable[Reply | CallerStream]) -> None:
        task = self.task
        assert task is not None
        try:
            answer = await answering
            if isinstance(answer, CallerStream):
                await self._stream(answer)
                return
            content = answer.encode()
            head = self.desk.reply_head(self, self.edge, answer, len(content))
            if self.protocol.flow.write_paused:
                await self.protocol.flow.drain()
            self._write(OK, head, content)
        except asyncio.CancelledError as error:
            let_go(error)
            if not self.disconnected:
                await self._stop()
        except Exception as error:
            if self.response_started:
                self._close()
                raise
            self._refuse(error)
            let_go(error)
        finally:
            self.protocol.tasks.discard(task)
            self.task = None

    async def _stop(self) -> None:
        """The process ends before the answer does."""
        if not self.response_started:
            self._refuse(stopping())
        elif not self.response_complete:
            last = self.desk.broken_off(self)
            if last is None:
                self._close()
                return
            self.write(last)
            self._end()

    def _refuse(self, error: Exception) -> None:
        said, headers, content = self.desk.refusal(self, error)
        if not isinstance(said, ClientClosedError):
            self._write(STATUS_LINE[said.status], as_block(headers), content)

    def _write(self, status_line: bytes, head: bytes, content: bytes) -> None:
        """A whole answer at once."""
        protocol = self.protocol
        if self.disconnected or protocol.transport.is_closing():
            return
        end = END if self.keep_alive else b"connection: close\r\n\r\n"
        self.response_started = True
        self.desk.outbox.put(protocol.transport, b"".join((status_line, protocol.date_line(), head, end, content)))
        self._finished()

    def _finished(self) -> None:
        self.response_complete = True
        self.call = None  # the connection keeps this object until its next request, which may never come
        if not self.keep_alive:
            self._close()
        self.protocol.on_response_complete()

    def _close(self) -> None:
        self.desk.outbox.flush()
        self.protocol.transport.close()

    async def _stream(self, stream: CallerStream) -> None:
        """Write the stream to its end; closed on every exit, also when this is cancelled."""
        try:
            protocol = self.protocol
            if protocol.flow.write_paused:
                await protocol.flow.drain()
            if self.disconnected:
                return
            self.response_started = True
            end = END if self.keep_alive else b"connection: close\r\n\r\n"
            head = self.desk.stream_head(self, self.edge, stream)
            self.head = b"".join((OK, protocol.date_line(), head, b"transfer-encoding: chunked\r\n", end))
            await stream.pour(self)
            if stream.cut:
                self._close()
            else:
                self._end()
        finally:
            await stream.aclose()

    def write(self, data: bytes) -> bool:
        """A piece of a streamed answer, the first together with the head; whether the caller keeps up."""
        protocol = self.protocol
        if not self.disconnected:
            self.desk.outbox.put(protocol.transport, b"%b%x\r\n%b\r\n" % (self.head, len(data), data))
            self.head = b""
        return not protocol.flow.write_paused

    async def ready(self) -> None:
        """Wait until the caller has read what was written."""
        if not self.disconnected:
            await self.protocol.flow.drain()

    def _end(self) -> None:
        if not self.disconnected:
            self.desk.outbox.put(self.protocol.transport, self.head + LAST_CHUNK)
            self._finished()


def direct_call(desk: CallDesk, known: KnownHead, protocol: LimitedProtocol) -> DirectCall:
    """The call of a request with this head."""
    heading = known.heading
    return DirectCall(
        known.found,
        "POST",
        known.path,
        heading.public,
        heading,
        heading.call_id or new_id(),
        principal=known.principal,
        desk=desk,
        edge=known.edge,
        protocol=protocol,
        keep_alive=known.keep_alive,
    )


async def _given(reply: Reply) -> Reply:
    return reply
