"""An open response: its body waits here until it is read, and its deadlines are kept here."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from nova_core.errors import APIConnectionError
from nova_core.gateway.http1.chunks import PACKED_WRONGLY, Chunks, broken_coding
from nova_core.gateway.http1.decode import Codings, decoded
from nova_core.gateway.http1.faults import DecodingFault, Fault
from nova_core.gateway.http1.head import Head
from nova_core.gateway.transport import Take, TransportOptions, Wait
from nova_core.gateway.transport_errors import broken_off, cut_short, timed_out, too_large

if TYPE_CHECKING:
    from nova_core.gateway.http1.owners import Carrier

# How much over its limit a packed body may be: coding adds a little to what it cannot pack.
PACKED_SLACK = 64 * 1024


class Http1Stream:
    """Implements `UpstreamStream`. What it comes over feeds it, and has left it once `complete` is set."""

    __slots__ = (
        "_codings",
        "_connection",
        "_fault",
        "_head",
        "_idle",
        "_options",
        "_pause_above",
        "_pieces",
        "_refused",
        "_size",
        "_take",
        "_thrown",
        "_wake_above",
        "complete",
        "headers",
        "poured",
        "status",
        "where",
    )

    def __init__(self, connection: Carrier, head: Head, codings: Codings, options: TransportOptions) -> None:
        self.status = head.status
        self.headers = head.headers
        self.where = connection.where
        self.complete = False
        self._head = head
        self._connection = connection
        self._codings = codings
        self._options = options
        self._fault: Fault | None = None
        self._take: Take | None = None
        self._thrown: Exception | None = None
        self._refused = self.poured = False
        self._idle = 0.0
        self._pieces: list[bytes] = []
        self._size = 0
        self._wake_above: float = 0
        self._pause_above: float = options.read_buffer

    def whole(self, body: bytes) -> None:
        """All of the body has come with the head."""
        if body:
            self._pieces.append(body)
            self._size = len(body)
        self.complete = True

    def feed(self, piece: bytes) -> None:
        """A piece of the body, still packed, has come."""
        take = self._take
        if take is None:
            self._keep(piece)
            return
        connection = self._connection
        self.poured = True
        try:
            if take(piece):
                connection.expect(self._idle)
                return
            self._refused = True
        except Exception as error:
            self._thrown = error
        self._take = None
        connection.pause()
        connection.wake()

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._wake_above:
            self._connection.wake()
        if self._size > self._pause_above:
            self._connection.pause()

    def broken(self, fault: Fault) -> None:
        """Nothing more will come, although the body is not complete."""
        self._fault = fault

    async def read(self, *, limit: int | None = None, deadline: float | None = None) -> bytes:
        """See `UpstreamStream.read`."""
        if not self.complete:
            await self._arrived(limit, deadline)
        pieces = self._pieces
        if "content-encoding" in self.headers:
            return self._unpacked(limit)
        if limit is not None and self._size > limit:
            raise too_large(limit, self.where)
        if not self.complete:
            self.taken()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _arrived(self, limit: int | None, deadline: float | None) -> None:
        """Wait for the end of the body, or for more than `limit` allows."""
        connection = self._connection
        left = self._options.body_timeout if deadline is None else max(0.0, deadline - time.monotonic())
        most = math.inf if limit is None else limit
        packed = "content-encoding" in self.headers
        try:
            if self._head.length is not None and self._head.length > most and not packed:
                raise too_large(limit or 0, self.where)
            self._wake_above = most + PACKED_SLACK if packed else most
            self._pause_above = math.inf
            connection.resume()
            by = connection.now() + left
            while not self.complete and self._size <= self._wake_above:
                if self._fault is not None:
                    raise cut_short(self.where)
                await connection.wait(by)
            if not self.complete:
                raise too_large(limit or 0, self.where)
        except TimeoutError:
            self.leave()
            raise timed_out("total", left, self.where) from None
        except BaseException:
            self.leave()
            raise

    def _unpacked(self, limit: int | None) -> bytes:
        pieces: list[bytes] = []
        size = 0
        try:
            decoders = self._codings.decoders(self.headers.get("content-encoding"))
            for piece in decoded(decoders, b"".join(self._pieces)):
                size += len(piece)
                if limit is not None and size > limit:
                    raise too_large(limit, self.where)
                pieces.append(piece)
            for decoder in decoders:
                decoder.finish()
        except DecodingFault:
            raise APIConnectionError(cut_short(self.where).message + PACKED_WRONGLY) from None
        self.taken()
        return b"".join(pieces)

    def chunks(self, idle_timeout: float | None = None) -> Chunks:
        """See `UpstreamStream.chunks`."""
        idle = self._options.body_timeout if idle_timeout is None else idle_timeout
        try:
            decoders = self._codings.decoders(self.headers.get("content-encoding"))
        except DecodingFault:
            self.leave()
            raise broken_coding(self.where) from None
        return Chunks(self, idle, decoders)

    @property
    def pending(self) -> bool:
        """Whether there are pieces that nobody has taken."""
        return bool(self._pieces)

    async def news(self, idle: float) -> None:
        """Wait for a piece or the end. Raises StreamBrokenError, TimeoutError after so many seconds of silence."""
        if self._fault is not None:
            raise broken_off(self.where)
        await self._connection.wait(self._connection.now() + idle)

    async def pouring(self, take: Take, idle: float, news: Wait) -> bool:
        """Give what comes to `take` as it comes, until the end or until it says no: whether it said no.

        Raises what `take` and `news` raise.
        """
        self._take = take
        self._idle = idle
        self._refused = False
        try:
            await news()
        finally:
            self._take = None
        if self._thrown is not None:
            raise self._thrown
        return self._refused

    def resume(self) -> None:
        """The upstream may send on."""
        if not self.complete:
            self._connection.resume()

    def taken(self) -> bytes:
        """What has come so far; the upstream may send on."""
        pieces = self._pieces
        self._pieces = []
        self._size = 0
        if not self.complete:
            self._connection.resume()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def aclose(self) -> None:
        """See `UpstreamStream.aclose`."""
        if not self.complete:
            self.leave()

    def leave(self) -> None:
        """Read no more."""
        # A complete body's connection has gone back to the pool, and may be in another's hands by now.
        if not self.complete:
            self._connection.close()
