"""The transport on our own HTTP/1.1 client: one pool, deadlines of its own, nothing that proxies need."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec

from nova_core.gateway.http1.connect import Dialer
from nova_core.gateway.http1.connection import PIECE, Connection
from nova_core.gateway.http1.decode import Codings
from nova_core.gateway.http1.faults import DisconnectedFault, FramingFault
from nova_core.gateway.http1.owners import Asker
from nova_core.gateway.http1.pool import Origin, Pool
from nova_core.gateway.http1.request import RequestHeads
from nova_core.gateway.http1.stream import Http1Stream
from nova_core.gateway.http1.target import Target, parse_target
from nova_core.gateway.transport import DEFAULT_OPTIONS, TransportOptions, TransportStats, may_repeat
from nova_core.gateway.transport_errors import bad_request, closed_early, not_http, timed_out
from nova_core.gateway.transport_tls import tls_context
from nova_core.types.upstream import UpstreamRequest

REMEMBERED_URLS = 1_000
REMEMBERED_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class _Patience:
    """Deadlines of one request, in seconds, and when the first byte is due on the loop's clock."""

    connect: float
    first: float
    first_at: float


class Sent(msgspec.Struct, frozen=True, eq=False):
    """A request that is under way over a kept connection, while nobody waits for its answer."""

    connection: Connection
    head: bytes
    body: bytes
    by: float

    def __repr__(self) -> str:
        return f"<Sent to {self.connection.where}>"  # nothing of the head, which holds credentials

    def send(self, asker: Asker) -> None:
        """Send it; `asker` is told of the answer."""
        self.connection.send(self.head, self.body, self.by, asker)


class Http1Transport:
    """Implements `Transport`, without proxies: `trust_env` is ignored. Make it inside the event loop that uses it."""

    __slots__ = ("_loop", "_options", "_pool", "_requests", "_targets")

    def __init__(self, options: TransportOptions = DEFAULT_OPTIONS) -> None:
        codings = Codings()
        self._loop = asyncio.get_running_loop()
        self._options = options
        self._pool = Pool(options, Dialer(tls_context(options.ssl_verify, options.ssl_certificate)), codings)
        self._requests = RequestHeads(codings.accepted)
        self._targets: dict[str, tuple[Target, Origin]] = {}

    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_timeout: float | None = None,
        connect_timeout: float | None = None,
        sent: Sent | None = None,
    ) -> Http1Stream:
        """See `Transport.open`; `sent`: the request is under way already."""
        target, origin = self._targets.get(request.url) or self._target(request.url)
        try:
            head = self._requests.head(request, target)
        except ValueError:
            raise bad_request(origin.where) from None
        first = self._options.first_byte_timeout if first_byte_timeout is None else first_byte_timeout
        by = self._loop.time() + first if sent is None else sent.by
        connection = self._pool.take(origin) if sent is None else sent.connection
        fresh = False
        while True:
            if connection is None:
                patience = self._options.connect_timeout if connect_timeout is None else connect_timeout
                connection = await self._connection(origin, _Patience(patience, first, by), fresh=fresh)
            used = connection.used
            try:
                if sent is not None:
                    sent = None
                    return await connection.answer(by)
                return await connection.ask(head, request.body, by, bodyless=request.method == "HEAD")
            except DisconnectedFault as fault:
                late = self._loop.time() - by + first
                if fresh or not used or fault.heard or not may_repeat(request, late):
                    raise closed_early(origin.where) from None
                connection, fresh = None, True  # it was kept and died unnoticed: once more, on a new one
            except FramingFault as fault:
                raise not_http(origin.where, fault.reason) from None
            except TimeoutError:
                connection.close()
                raise timed_out("first byte", first, origin.where) from None
            except BaseException:
                connection.close()
                raise

    def kept(self, request: UpstreamRequest, seconds: float | None) -> Sent | None:
        """See `Keeps.kept`."""
        body = request.body
        if request.method != "POST" or not isinstance(body, bytes) or len(body) > PIECE:
            return None
        target, origin = self._targets.get(request.url) or self._target(request.url)
        try:
            head = self._requests.head(request, target)
        except ValueError:
            return None  # `open` says what is wrong with it
        connection = self._pool.take(origin)
        if connection is None:
            return None
        first = self._options.first_byte_timeout if seconds is None else seconds
        return Sent(connection, head, body, self._loop.time() + first)

    async def _connection(self, origin: Origin, patience: _Patience, *, fresh: bool) -> Connection:
        by = self._loop.time() + patience.connect
        try:
            async with asyncio.timeout_at(min(by, patience.first_at)):
                return await self._pool.make(origin, fresh=fresh)
        except TimeoutError:
            if by <= patience.first_at:
                raise timed_out("connect", patience.connect, origin.where) from None
            raise timed_out("first byte", patience.first, origin.where) from None

    def _target(self, url: str) -> tuple[Target, Origin]:
        target = parse_target(url)
        known = (target, self._pool.origin(target.address))
        if len(url) <= REMEMBERED_LENGTH:
            if len(self._targets) >= REMEMBERED_URLS:
                self._targets.clear()
                self._pool.sweep()
            self._targets[url] = known
        return known

    async def aclose(self) -> None:
        """Close every socket."""
        self._pool.close()
        await asyncio.sleep(0)  # the loop closes sockets in its next round

    def stats(self) -> TransportStats:
        """Sockets now."""
        return self._pool.stats()
