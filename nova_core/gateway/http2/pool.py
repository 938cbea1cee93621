"""Connections of many streams each: found for those who ask, made when all are full, given up when nobody waits."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from functools import partial

from nova_core.errors import APIConnectionError
from nova_core.gateway.http1.connect import Dialer
from nova_core.gateway.http1.decode import Codings
from nova_core.gateway.http1.faults import DisconnectedFault, FramingFault
from nova_core.gateway.http1.target import Address
from nova_core.gateway.http2.connection import Http2Connection
from nova_core.gateway.http2.faults import OldProtocolFault, not_http2
from nova_core.gateway.http2.line import Line
from nova_core.gateway.http2.owners import Bounds
from nova_core.gateway.transport import TransportOptions, TransportStats
from nova_core.gateway.transport_errors import closed_early

CLOSED = "the connections to upstreams are closed"


@dataclass(slots=True, eq=False)
class _Waiter:
    """A place in the queue, for a line on a connection made at `since` or later."""

    since: float
    future: asyncio.Future[Line]


@dataclass(slots=True, eq=False)
class Origin:
    """A host and port: its connections, those being made, and who waits for one. `old_until`: it spoke HTTP/1.1."""

    address: Address
    connections: list[Http2Connection] = field(default_factory=list)
    dials: set[asyncio.Task[None]] = field(default_factory=set)
    waiting: deque[_Waiter] = field(default_factory=deque)
    old_until: float = 0.0

    @property
    def sockets(self) -> int:
        """Those that are open or about to be."""
        return len(self.connections) + len(self.dials)

    def idle(self) -> Http2Connection | None:
        """A connection that carries nothing."""
        return next((each for each in self.connections if not each.lines), None)

    def place(self, since: float) -> Line | None:
        """A place on the oldest connection that has room, so that few are in use; made at `since` or later."""
        chosen = next((each for each in self.connections if each.made >= since and each.room > 0), None)
        return None if chosen is None else chosen.line()


class Http2Pool:
    """Implements `Keeper`."""

    def __init__(self, options: TransportOptions, bounds: Bounds, dialer: Dialer, codings: Codings) -> None:
        self.options = options
        self.bounds = bounds
        self.codings = codings
        self._dialer = dialer
        self._origins: dict[Address, Origin] = {}
        self._closed = False
        self._serving = False  # what is given may be given back at once

    def origin(self, address: Address) -> Origin:
        """The one of this address."""
        known = self._origins.get(address)
        if known is None:
            known = self._origins[address] = Origin(address)
        return known

    async def line(self, origin: Origin, *, since: float) -> Line:
        """A place on a connection made at `since` or later. Raises APIConnectionError and OldProtocolFault."""
        if self._closed:
            raise APIConnectionError(CLOSED)
        line = None if origin.waiting else origin.place(since)
        if line is not None:
            return line
        waiter = _Waiter(since, asyncio.get_running_loop().create_future())
        origin.waiting.append(waiter)
        self._serve()
        try:
            return await waiter.future
        except BaseException:
            self._leave(origin, waiter)
            raise

    def _leave(self, origin: Origin, waiter: _Waiter) -> None:
        if waiter in origin.waiting:
            origin.waiting.remove(waiter)
        elif not waiter.future.cancelled() and waiter.future.exception() is None:
            waiter.future.result().close()
        if not origin.waiting:
            for dial in origin.dials:
                dial.cancel()

    def _serve(self) -> None:
        """Give places to those who have waited longest, and make connections for the others."""
        if self._serving or self._closed:
            return
        self._serving = True
        try:
            for origin in self._origins.values():
                self._give(origin)
                self._dial_for(origin)
        finally:
            self._serving = False

    def _give(self, origin: Origin) -> None:
        for waiter in list(origin.waiting):
            if waiter.future.done():
                continue  # cancelled, and about to leave the queue by itself
            line = origin.place(waiter.since)
            if line is not None:
                origin.waiting.remove(waiter)
                waiter.future.set_result(line)
            elif not waiter.since:
                return

    def _dial_for(self, origin: Origin) -> None:
        """As many connections as those who wait would fill, if there may be so many."""
        if any(not each.lines and each.room <= 0 for each in origin.connections):
            return  # the upstream takes no requests for now, and would take none on another connection
        while len(origin.waiting) > len(origin.dials) * self.bounds.most_streams and self._room(origin):
            dial = asyncio.get_running_loop().create_task(self._dial(origin), name="connect by HTTP/2")
            origin.dials.add(dial)
            dial.add_done_callback(partial(self._dialed, origin))

    def _room(self, origin: Origin) -> bool:
        """Whether there may be another socket; idle ones make way."""
        per_host, limit = self.options.limit_per_host, self.options.limit
        if per_host and origin.sockets >= per_host and not _evicted(origin):
            return False
        sockets = sum(each.sockets for each in self._origins.values())
        return not limit or sockets < limit or any(_evicted(each) for each in self._origins.values())

    async def _dial(self, origin: Origin) -> None:
        where, loop = origin.address.where, asyncio.get_running_loop()
        connection = await self._dialer.dial(origin.address, lambda: Http2Connection(self, origin, loop))
        try:
            await connection.settled()
        except FramingFault as fault:
            raise not_http2(where, fault.reason) from None
        except DisconnectedFault:
            raise closed_early(where) from None
        except BaseException:
            connection.abort()
            raise
        origin.connections.append(connection)

    def _dialed(self, origin: Origin, dial: asyncio.Task[None]) -> None:
        origin.dials.discard(dial)
        error = None if dial.cancelled() else dial.exception()
        if error is not None:
            waiting, origin.waiting = origin.waiting, deque()
            for waiter in waiting:
                if not waiter.future.done():
                    waiter.future.set_exception(_once_more(error))
        self._serve()

    def freed(self, connection: Http2Connection) -> None:
        """See `Keeper.freed`."""
        self._serve()

    def forget(self, connection: Http2Connection) -> None:
        """See `Keeper.forget`."""
        if connection in connection.origin.connections:
            connection.origin.connections.remove(connection)
            self._serve()

    def stats(self) -> TransportStats:
        """Sockets now."""
        all_of_them = [each for origin in self._origins.values() for each in origin.connections]
        return TransportStats(open=len(all_of_them), idle=sum(not each.lines for each in all_of_them))

    async def aclose(self) -> None:
        """Close every connection; nobody waits for one any longer."""
        self._closed = True
        dials = [dial for origin in self._origins.values() for dial in origin.dials]
        for dial in dials:
            dial.cancel()
        for origin in self._origins.values():
            for waiter in origin.waiting:
                if not waiter.future.done():
                    waiter.future.set_exception(APIConnectionError(CLOSED))
            for connection in list(origin.connections):
                connection.abort()
        if dials:
            await asyncio.wait(dials)


def _evicted(origin: Origin) -> bool:
    idle = origin.idle()
    if idle is not None:
        idle.close()
    return idle is not None


def _once_more(error: BaseException) -> BaseException:
    """The same for another who waits: an exception that is raised twice tells two stories."""
    match error:
        case APIConnectionError():
            return APIConnectionError(error.message, hint=error.hint)
        case OldProtocolFault():
            return OldProtocolFault()
    return error
