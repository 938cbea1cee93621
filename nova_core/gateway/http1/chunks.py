"""The body of an open response piece by piece: asked for one at a time, or poured out as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.gateway.http1.decode import Decoder, decoded
from nova_core.gateway.http1.faults import DecodingFault
from nova_core.gateway.transport import Take, Wait
from nova_core.gateway.transport_errors import broken_off, timed_out

if TYPE_CHECKING:
    from nova_core.gateway.http1.stream import Http1Stream

PACKED_WRONGLY = ", or packed it wrongly"


class Chunks(AsyncIterator[bytes]):
    """Implements `UpstreamStream.chunks` and `Pours`; both may be used, one after the other."""

    __slots__ = ("_begun", "_decoders", "_idle", "_stream", "_unpacking")

    def __init__(self, stream: Http1Stream, idle: float, decoders: list[Decoder]) -> None:
        self._stream = stream
        self._idle = idle
        self._decoders = decoders
        self._begun = False
        self._unpacking: Iterator[bytes] | None = None

    async def __anext__(self) -> bytes:
        stream = self._stream
        try:
            while True:
                if self._unpacking is not None and (piece := next(self._unpacking, None)) is not None:
                    self._begun = True
                    return piece
                if stream.pending:
                    if not self._decoders:
                        self._begun = True
                        return stream.taken()
                    self._unpacking = decoded(self._decoders, stream.taken())
                elif stream.complete:
                    break
                else:
                    await self._news()
            while self._decoders:
                self._decoders.pop(0).finish()
        except DecodingFault:
            stream.leave()
            raise broken_coding(stream.where) from None
        except BaseException:
            stream.leave()
            raise
        raise StopAsyncIteration

    async def pour(self, take: Take, ready: Wait) -> None:
        """See `Pours.pour`."""
        if self._decoders or self._unpacking is not None:
            async for piece in self:
                if not take(piece):
                    await ready()
            return
        stream = self._stream
        try:
            while stream.pending or not stream.complete:
                if stream.pending:
                    self._begun = True
                    refused = not take(stream.taken())
                else:
                    refused = await stream.pouring(take, self._idle, self._news)
                if refused:
                    await ready()
                    stream.resume()
        except BaseException:
            stream.leave()
            raise

    async def aclose(self) -> None:
        """Ask for no more."""
        self._stream.leave()

    async def _news(self) -> None:
        """Wait for a piece or the end. Time in which nobody waits here does not count as silence."""
        try:
            await self._stream.news(self._idle)
        except TimeoutError:
            raise self._late() from None

    def _late(self) -> NovaError:
        late = timed_out("idle", self._idle, self._stream.where)
        return StreamBrokenError(late.message) if self._begun or self._stream.poured else late


def broken_coding(where: str) -> StreamBrokenError:
    """The error for a stream that cannot be unpacked."""
    return StreamBrokenError(broken_off(where).message + PACKED_WRONGLY)
