"""The HTTP/1.1 connection: uvicorn's httptools protocol with limits on headers and on slow peers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextvars import copy_context
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from nova_core.config.sections import Limits
from nova_core.errors import NovaError
from nova_core.gateway.http1.alarm import Alarm
from nova_core.server.desk import CallDesk
from nova_core.server.direct import DirectCall, direct_call
from nova_core.server.framing import ended_by_close, transfer_fault
from nova_core.server.headers import as_block
from nova_core.server.known_head import KnownHead
from nova_core.server.paths import CallPaths
from nova_core.server.upgrades import FRAMING, PlainProtocol, Sockets
from nova_core.server.watched import WatchedConnection

REQUEST_LINE_ALLOWANCE = 8 * 1024
HEAD_SECONDS = 20.0
ORDINARY = frozenset({"transfer-encoding", "content-encoding", "expect", "upgrade"})
"""Headers of requests that go the ordinary way."""
LINGER_SECONDS = 2.0


class HeadRefusedError(Exception):
    """The head of a request is over a limit."""


class PatientFlow(FlowControl):
    """Reads no more while requests wait that were sent ahead: each answer would let more of them in than it ends."""

    def __init__(self, transport: asyncio.Transport, waiting: Collection[object]) -> None:
        super().__init__(transport)
        self.context = copy_context()
        """That of the connection: what begins between two calls, or goes on, is of no call's."""
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Read on, once the last request that was sent ahead is being answered."""
        if not self._waiting:
            self.context.run(super().resume_reading)  # event loops read on in the context of who asks them to


class LimitedProtocol(WatchedConnection, PlainProtocol):
    """Refuses heads that are too big (431) or too slow (408), and peers that stop reading for too long.

    With a `desk` it serves calls itself, without ASGI in between, where a request is as nearly all are: to a path of
    the table, with a plain body of known length, by a caller who is known by a key. Everything else goes to the
    application, calls too. Subclasses are made by `protocol_with`, which sets what belongs to the class.
    """

    limits: Limits
    head_seconds = HEAD_SECONDS
    desk: CallDesk | None = None
    paths = CallPaths()
    draining: Callable[[], bool] | None = None
    sockets: Sockets | None = None
    flow: PatientFlow
    cycle: Any
    """uvicorn's cycle of the latest request, or the direct call that stands in its place."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A peer connected: it has some time to send its first head."""
        super().connection_made(transport)
        self.flow = PatientFlow(transport, self.pipeline)
        self._head_bytes = self._measured = self._begun = 0
        self._most_measured = self.limits.header_kb * 1024
        self._in_head = True
        self._closing = False
        self._refusal = (400, "The request is not valid HTTP.")
        self._direct: DirectCall | None = None
        self._between = True
        self._first: bytes | None = None
        self._known: KnownHead | None = None
        self._served: DirectCall | None = None
        self._dated: tuple[object, bytes] = (None, b"")
        self._idle = Alarm(self.loop, self.timeout_keep_alive_handler)
        self._slow: asyncio.TimerHandle | None = self.loop.call_later(self.head_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        self._forget_slow()
        self._idle.end()
        self.resume_writing()
        if self._served is not None:
            self._served.leave()
        super().connection_lost(exc)
        self.cycle = self._served = self._direct = self._known = None  # they hold this connection

    def eof_received(self) -> None:
        """The peer sends no more: the connection closes, but not before what waits to be written."""
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Bytes arrived. A head that is not complete after them is timed, and measured as it grows."""
        if self._closing:
            return
        self._begun = 0
        if between := self._between:
            known = self._known
            if known is not None and (body := known.body_of(data)) is not None and self._begin_again(known, body):
                return
            self._first = data
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(*self._refusal)
            return
        finally:
            self._first = None
        if not self._in_head:
            if self._direct is not None and self._slow is None:
                self._slow = self.loop.call_later(self.limits.body_read_seconds, self._body_too_slow)
            return
        if not self._begun or (between and self._begun == 1):  # else most of it is requests before this head
            self._head_bytes += len(data)
        if self._head_bytes > self.limits.header_kb * 1024 + REQUEST_LINE_ALLOWANCE:
            self._refuse(431, "The request's headers are too large.")
        elif self._slow is None:
            self._slow = self.loop.call_later(self.head_seconds, self._too_slow)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._idle.clear()  # not for any bytes: line breaks between requests begin none
        self._in_head = True
        self._between = False
        self._begun += 1
        self._head_bytes = self._measured = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. Raises HeadRefusedError, which ends the parsing."""
        if self.head_again is not None:
            return
        self._measured += len(name) + len(value) + 4
        if self._measured > self._most_measured or len(self.headers) >= self.limits.header_count:
            self._refusal = (431, "The request's headers are too many or too large.")
            raise HeadRefusedError
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is complete: from here on the application's own limits count."""
        self._in_head = False
        if self._slow is not None:
            self._forget_slow()
        if self.sockets is not None and self.parser.should_upgrade() and self._takes_offer(self.sockets):
            self.offer_taken = True
            return
        if self.desk is not None and self.head_again is None:
            self._direct = self._direct_call(self.desk)
        if self._direct is None:
            self._ask_application()
        else:
            self.cycle = self._served = self._direct
        if self.draining is not None and self.draining():
            self.cycle.keep_alive = False

    def _ask_application(self) -> None:
        """Leave the request to the application. Raises HeadRefusedError for a transfer coding it cannot have."""
        first, version = self.head_again is None, self.parser.get_http_version()
        if first and (fault := transfer_fault(self.headers, version)) is not None:
            self._refusal, self._in_head = fault, True  # it is not the request that is being answered, if there is one
            raise HeadRefusedError
        self.begin_scope()
        super().on_headers_complete()
        if first and version == "1.0":
            self.cycle.waiting_for_100_continue = False
            self.cycle.send = ended_by_close(self.cycle)

    def _takes_offer(self, sockets: Sockets) -> bool:
        """Whether this head, which offers to upgrade, is that of a WebSocket which is served here."""
        parser, busy = self.parser, self.pipeline or self._answering
        if busy or parser.get_method() != b"GET" or parser.get_http_version() != "1.1":
            return False
        headers = dict(self.headers)
        wanted = headers.get(b"upgrade", b"").lower() == b"websocket" and not any(map(headers.get, FRAMING))
        return wanted and sockets.serves(self.url) and sockets.protocol() is not None

    def hand_over(self, rest: bytes) -> None:
        """Leave the connection to a WebSocket, with what came behind the head of its offer."""
        protocol = self.sockets.protocol() if self.sockets is not None else None
        assert protocol is not None
        self._flush()
        self._idle.end()
        self.watch_no_more()
        head = b"GET %b HTTP/1.1\r\n%b\r\n" % (self.url, as_block(self.headers))
        socket = protocol(config=self.config, server_state=self.server_state, app_state=self.app_state)
        socket.connection_made(self.transport)
        socket.data_received(head)
        if not socket.handshake_initiated:  # more or longer headers than it takes
            self.connections.discard(socket)
            self._refuse(431, "The request's headers are too many or too large.")
            return
        self._closing = True
        self.connections.discard(self)
        if self.flow.write_paused:
            socket.pause_writing()
        self.transport.set_protocol(socket)
        self.cycle = self._served = self._known = None
        self.parser = None  # type: ignore[assignment]
        if rest:
            socket.data_received(rest)

    def _begin_again(self, known: KnownHead, body: bytes) -> bool:
        """Serve a request whose head is that of the last one, if that may still be done without another look."""
        desk = self.desk
        if desk is None or known.edge is not desk.edge() or not self.cycle.response_complete:
            self._known = None
            return False
        self._idle.clear()
        direct = self._served = direct_call(desk, known, self)
        self.cycle = direct
        if self.draining is not None and self.draining():
            direct.keep_alive = False
        direct.take(body)
        return True

    def _direct_call(self, desk: CallDesk) -> DirectCall | None:
        """The call that this connection can serve by itself, if this head asks for one."""
        found = self.paths.exact(self.url)
        if found is None or (self.cycle is not None and not self.cycle.response_complete) or self.pipeline:
            return None
        parser = self.parser
        if parser.get_method() != b"POST" or parser.get_http_version() != "1.1" or parser.should_upgrade():
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}
        edge = desk.edge()
        length = headers.pop("content-length", "")
        if len(headers) != len(self.headers) - 1 or not length.isdigit() or int(length) > edge.body_limit:
            return None
        if not ORDINARY.isdisjoint(headers):
            return None
        try:
            principal = edge.at_once(headers)
        except NovaError:  # the ordinary way refuses it, with everything that belongs to that
            return None
        if principal is None:
            return None
        path = self.url.decode("ascii")
        last, known = self._known, KnownHead(edge, found, path, headers, principal, parser.should_keep_alive())
        self._known = known
        if self._first is not None:
            known.learn(self._first, int(length), last)
        return direct_call(desk, known, self)

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        if self._direct is None:
            super().on_body(body)
        else:
            self._direct.feed(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self.offer_taken:
            return
        self._between = self.head_again is None
        direct = self._direct
        if direct is None:
            super().on_message_complete()
            return
        self._direct = None
        if self._slow is not None:
            self._forget_slow()
        if not self._closing:
            direct.begin()

    def on_response_complete(self) -> None:
        """An answer is written: the next request may be served, if it is there already."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self.flow.context.run(self._start_asgi_task, cycle, app)
        else:
            self._idle.set(self.loop.time() + self.timeout_keep_alive)
        if self.flow.read_paused:
            self.flow.resume_reading()

    def _unset_keepalive_if_required(self) -> None:
        self._idle.clear()

    def date_line(self) -> bytes:
        """The headers that every answer has, rendered once a second."""
        headers = self.server_state.default_headers
        if self._dated[0] is not headers:
            self._dated = (headers, as_block(headers))
        return self._dated[1]

    @property
    def idle_seconds(self) -> float:
        """See `WatchedConnection`."""
        return self.limits.idle_seconds

    @property
    def unread(self) -> int:
        """See `WatchedConnection`."""
        self._flush()
        return super().unread

    def _flush(self) -> None:
        """Write what waits to be written: something else is to be done with the connection now."""
        if self.desk is not None:
            self.desk.outbox.flush()

    def finish_up(self) -> None:
        """The process is about to stop: this connection ends with the next answer that begins, and says so.

        An answer that has begun without saying so leaves the connection open: its peer may send the next request
        at once, and would see it reset.
        """
        if self._served is not None:
            self._served.wait()
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

    def _body_too_slow(self) -> None:
        self._slow = None
        direct, self._direct = self._direct, None
        if direct is not None:
            self._closing = True
            direct.too_slow(self.limits.body_read_seconds)

    def _forget_slow(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _refuse(self, status: int, message: str) -> None:
        self._closing = True
        self._forget_slow()
        self._flush()
        if self.transport.is_closing():
            return
        if self._answering:
            if self._in_head or self._between or self.pipeline or self.cycle.response_started:
                self.transport.close()  # what was pipelined behind the request being answered cannot be answered
                return
            self.cycle.disconnected = True  # nobody else is to answer the request whose body makes no sense
            self.cycle.message_event.set()
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


def protocol_with(
    limits: Limits,
    *,
    draining: Callable[[], bool] | None = None,
    desk: CallDesk | None = None,
    sockets: Sockets | None = None,
) -> type[Any]:
    """The protocol class for these limits. While `draining`, every answer ends its connection; see `desk` above.

    `sockets` take connections over whose peers ask for them; without, nothing is ever upgraded.
    """
    made: dict[str, Any] = {"limits": limits, "desk": desk, "draining": staticmethod(draining) if draining else None}
    return type("Protocol", (LimitedProtocol,), {**made, "sockets": sockets})
