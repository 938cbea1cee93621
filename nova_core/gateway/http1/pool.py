"""Connections kept for reuse: a stack for each origin, bounds on how many there are, a queue for those in want."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from nova_core.errors import APIConnectionError
from nova_core.gateway.http1.connection import Connection
from nova_core.gateway.http1.decode import Codings
from nova_core.gateway.http1.outbox import Outbox
from nova_core.gateway.http1.target import Address
from nova_core.gateway.transport import TransportOptions, TransportStats


@dataclass(slots=True, eq=False)
class Origin:
    """A host and port, its idle connections (the latest used last), and how many sockets it has in all."""

    address: Address
    where: str
    idle: list[Connection] = field(default_factory=list)
    sockets: int = 0


@dataclass(slots=True, eq=False)
class _Ticket:
    """A place in the queue. `future` gives a connection, or None: room to make one."""

    origin: Origin
    fresh: bool
    future: asyncio.Future[Connection | None]


class Dial(Protocol):
    """Makes connections."""

    async def connect(self, pool: Pool, origin: Origin) -> Connection:
        """A new connection. Raises APIConnectionError."""
        ...


class Pool:
    """Implements `Keeper`. Idle connections are used again latest first, so that few stay warm, not many half so."""

    def __init__(self, options: TransportOptions, dial: Dial, codings: Codings) -> None:
        self.options = options
        self.codings = codings
        self.outbox = Outbox()
        self._dial = dial
        self._origins: dict[Address, Origin] = {}
        self._connections: set[Connection] = set()
        self._sockets = 0
        self._queue: deque[_Ticket] = deque()
        self._closed = False
        self._serving = False  # closing a connection to make room would serve the queue again

    def origin(self, address: Address) -> Origin:
        """The one of this address."""
        known = self._origins.get(address)
        if known is None:
            known = self._origins[address] = Origin(address, address.where)
        return known

    def sweep(self) -> None:
        """Forget origins that have no sockets."""
        self._origins = {address: origin for address, origin in self._origins.items() if origin.sockets}

    def take(self, origin: Origin) -> Connection | None:
        """An idle connection, if there is one and nobody has waited longer."""
        return None if self._queue or not origin.idle else self._idle(origin)

    async def make(self, origin: Origin, *, fresh: bool) -> Connection:
        """A connection as soon as there is room for one: a new one if `fresh`, else whichever comes first."""
        if self._closed:
            raise APIConnectionError("the connections to upstreams are closed")
        if self._queue or not self._room(origin):
            waited = await self._waited(origin, fresh=fresh)
            if waited is not None:
                return waited
        else:
            self._count(origin, 1)
        try:
            connection = await self._dial.connect(self, origin)
        except BaseException:
            self._count(origin, -1)
            self._serve_queue()
            raise
        self._adopt(connection)
        return connection

    def _adopt(self, connection: Connection) -> None:
        if connection.closed:
            self._count(connection.origin, -1)
            self._serve_queue()
            return
        self._connections.add(connection)
        if self._closed:
            connection.close()

    async def _waited(self, origin: Origin, *, fresh: bool) -> Connection | None:
        ticket = _Ticket(origin, fresh, asyncio.get_running_loop().create_future())
        self._queue.append(ticket)
        self._serve_queue()
        try:
            return await ticket.future
        except BaseException:
            if ticket in self._queue:
                self._queue.remove(ticket)
            elif not ticket.future.cancelled() and ticket.future.exception() is None:
                self._return(ticket)
            raise

    def _return(self, ticket: _Ticket) -> None:
        """What was given to someone who no longer wants it."""
        connection = ticket.future.result()
        if connection is not None:
            self.release(connection)
        else:
            self._count(ticket.origin, -1)
            self._serve_queue()

    def _serve_queue(self) -> None:
        """Give what there is to those who have waited longest and can use it."""
        if not self._serving:
            self._serving = True
            try:
                self._serve()
            finally:
                self._serving = False

    def _serve(self) -> None:
        for ticket in list(self._queue):
            if ticket.future.done():
                continue  # cancelled, and about to leave the queue by itself
            connection = None if ticket.fresh else self._idle(ticket.origin)
            if connection is None:
                if not self._room(ticket.origin):
                    if self.options.limit_per_host:
                        continue  # another host may have room
                    return
                self._count(ticket.origin, 1)
            self._queue.remove(ticket)
            ticket.future.set_result(connection)

    def _idle(self, origin: Origin) -> Connection | None:
        while origin.idle:
            connection = origin.idle.pop()
            if connection.rouse():
                return connection
            connection.close()
        return None

    def _room(self, origin: Origin) -> bool:
        """Whether there may be another socket; idle ones make way."""
        per_host = self.options.limit_per_host
        if per_host and origin.sockets >= per_host and not self._evict(origin):
            return False
        limit = self.options.limit
        return not limit or self._sockets < limit or any(self._evict(each) for each in self._origins.values())

    def _evict(self, origin: Origin) -> bool:
        if not origin.idle:
            return False
        connection = origin.idle.pop(0)
        connection.idle = False
        connection.close()
        return True

    def _count(self, origin: Origin, more: int) -> None:
        origin.sockets += more
        self._sockets += more

    def release(self, connection: Connection) -> None:
        """See `Keeper.release`."""
        idle = connection.origin.idle
        if self._closed or len(idle) >= self.options.max_idle_per_host:
            connection.close()
            return
        idle.append(connection)
        connection.idle = True
        connection.expect(self.options.keepalive_timeout)
        if self._queue:
            self._serve_queue()

    def forget(self, connection: Connection) -> None:
        """See `Keeper.forget`."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        self._count(connection.origin, -1)
        if connection.idle:
            connection.origin.idle.remove(connection)
        if self._queue:
            self._serve_queue()

    def stats(self) -> TransportStats:
        """Sockets now."""
        idle = sum(connection.idle for connection in self._connections)
        return TransportStats(open=len(self._connections), idle=idle)

    def close(self) -> None:
        """Close every connection; nobody waits for one any longer."""
        self._closed = True
        for ticket in self._queue:
            if not ticket.future.done():
                ticket.future.set_exception(APIConnectionError("the connections to upstreams are closed"))
        self._queue.clear()
        for connection in list(self._connections):
            connection.close()
