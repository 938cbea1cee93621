"""The transport on our own HTTP/2 client; upstreams that choose HTTP/1.1 are called by that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from hpack import HeaderTuple

from nova_core.gateway.http1.connect import Dialer
from nova_core.gateway.http1.decode import Codings
from nova_core.gateway.http1.faults import DisconnectedFault, FramingFault
from nova_core.gateway.http1.stream import Http1Stream
from nova_core.gateway.http1.target import parse_target
from nova_core.gateway.http2.faults import OldProtocolFault, RefusedFault, ResetFault, given_up, not_http2
from nova_core.gateway.http2.line import Line
from nova_core.gateway.http2.owners import DEFAULT_BOUNDS, Bounds
from nova_core.gateway.http2.pool import Http2Pool, Origin
from nova_core.gateway.http2.request import fields_of
from nova_core.gateway.transport import Opens, TransportOptions, TransportStats, UpstreamStream, may_repeat
from nova_core.gateway.transport_errors import bad_request, closed_early, timed_out
from nova_core.gateway.transport_tls import tls_context
from nova_core.types.upstream import UpstreamRequest

REFUSED = "REFUSED_STREAM"


@dataclass(frozen=True, slots=True)
class _Patience:
    """Deadlines of one request, in seconds, and when the first byte is due on the loop's clock."""

    connect: float
    first: float
    first_at: float


class Http2Transport:
    """Implements `Transport`, without proxies: `trust_env` is ignored. Make it inside the event loop that uses it.

    `http://` upstreams are spoken to in HTTP/2 at once; `https://` ones choose, and those that choose HTTP/1.1 are left
    to `otherwise`, which is not closed here.
    """

    __slots__ = ("_accepted", "_bounds", "_loop", "_options", "_otherwise", "_pool")

    def __init__(self, options: TransportOptions, otherwise: Opens, *, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        # At level debug it writes down whole blocks of headers, secrets among them.
        logging.getLogger("hpack").setLevel(logging.INFO)
        codings = Codings()
        tls = tls_context(options.ssl_verify, options.ssl_certificate)
        tls.set_alpn_protocols(["h2", "http/1.1"])
        self._accepted = codings.accepted
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._options = options
        self._otherwise = otherwise
        self._pool = Http2Pool(options, bounds, Dialer(tls), codings)

    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_timeout: float | None = None,
        connect_timeout: float | None = None,
    ) -> UpstreamStream:
        """See `Transport.open`. Cancelling resets the request's stream and leaves others alone."""
        target = parse_target(request.url)
        origin = self._pool.origin(target.address)
        connect = self._options.connect_timeout if connect_timeout is None else connect_timeout
        first = self._options.first_byte_timeout if first_byte_timeout is None else first_byte_timeout
        patience = _Patience(connect, first, self._loop.time() + first)
        if origin.old_until <= self._loop.time():
            try:
                fields = fields_of(request, target, self._accepted)
            except ValueError:
                raise bad_request(target.address.where) from None
            try:
                return await self._ask(origin, request, fields, patience)
            except OldProtocolFault:
                origin.old_until = self._loop.time() + self._bounds.old_for
        left = max(0.0, patience.first_at - self._loop.time())
        return await self._otherwise.open(request, first_byte_timeout=left, connect_timeout=connect)

    async def _ask(
        self, origin: Origin, request: UpstreamRequest, fields: Sequence[HeaderTuple], patience: _Patience
    ) -> Http1Stream:
        """Send a request; once more where the upstream did nothing about it, or its kept connection had ended."""
        where = origin.address.where
        repeated, since = False, 0.0
        while True:
            line = await self._line(origin, patience, since)
            try:
                return await line.ask(fields, request, patience.first_at)
            except RefusedFault:
                if repeated:
                    raise given_up(where, REFUSED) from None
            except DisconnectedFault as fault:
                late = self._loop.time() - patience.first_at + patience.first
                if repeated or fault.heard or not line.kept or not may_repeat(request, late):
                    raise closed_early(where) from None
                since = self._loop.time()
            except ResetFault as fault:
                raise given_up(where, fault.reason) from None
            except FramingFault as fault:
                raise not_http2(where, fault.reason) from None
            except TimeoutError:
                line.close()
                raise timed_out("first byte", patience.first, where) from None
            except BaseException:
                line.close()
                raise
            repeated = True

    async def _line(self, origin: Origin, patience: _Patience, since: float) -> Line:
        by = self._loop.time() + patience.connect
        where = origin.address.where
        try:
            async with asyncio.timeout_at(min(by, patience.first_at)):
                return await self._pool.line(origin, since=since)
        except TimeoutError:
            if by <= patience.first_at:
                raise timed_out("connect", patience.connect, where) from None
            raise timed_out("first byte", patience.first, where) from None

    async def aclose(self) -> None:
        """Close every socket."""
        await self._pool.aclose()
        await asyncio.sleep(0)  # the loop closes sockets in its next round

    def stats(self) -> TransportStats:
        """Sockets now."""
        return self._pool.stats()
