"""Moves the bytes of one attempt: an exchange goes out, a reply or a committed stream comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from nova_core.errors import BadGatewayError, RequestTimeoutError, StreamBrokenError
from nova_core.gateway.transport import Transport, UpstreamStream
from nova_core.types.call import Call
from nova_core.types.dialect import StreamDecoder
from nova_core.types.events import Chunk, Frame
from nova_core.types.message import Reply, Stream
from nova_core.types.upstream import Exchange, FrameParser, UpstreamResponse

T = TypeVar("T", Frame, Chunk)
MAX_EXCHANGES = 1000
ERROR_BODY_LIMIT = 1 << 20
MOST_HELD = 100
"""Frames that say nothing before a stream is passed on all the same."""
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Limits:
    """Deadlines of one attempt in seconds; `total` bounds a whole reply, `first_chunk` and `idle` a stream."""

    connect: float
    total: float | None
    first_chunk: float | None
    idle: float | None
    reply_bytes: int | None = None


async def perform(transport: Transport, call: Call, exchange: Exchange, limits: Limits) -> Reply | Stream:
    """Carry out an exchange, and those that it leads to.

    Raises what the exchange makes of an error status, BadGatewayError for a redirect or an answer that is not
    this operation's, RequestTimeoutError when a deadline passes, and APIConnectionError from the transport.
    """
    for _ in range(MAX_EXCHANGES):
        streamed = exchange.request.stream and exchange.frames is not None
        window = limits.first_chunk if streamed else limits.total
        async with deadline(window, "first chunk" if streamed else "reply"):
            answer = await _once(transport, call, exchange, limits)
        if not isinstance(answer, Exchange):
            return answer
        exchange = answer
    raise BadGatewayError(f"the upstream asked for more than {MAX_EXCHANGES} exchanges")


async def _once(transport: Transport, call: Call, exchange: Exchange, limits: Limits) -> Reply | Stream | Exchange:
    started = time.monotonic()
    opened: UpstreamStream | None = None
    keep = False
    try:
        opened = await transport.open(exchange.request, first_byte_timeout=None, connect_timeout=limits.connect)
        if opened.status >= 300:
            body = await opened.read(limit=ERROR_BODY_LIMIT)
            response = UpstreamResponse(opened.status, opened.headers, body)
            if opened.status < 400:
                raise BadGatewayError(f"the upstream answered with a redirect ({opened.status}), which is not followed")
            raise exchange.read_error(response)
        kind = opened.headers.get("content-type", "").lower()
        if exchange.frames is not None and kind.startswith(EVENT_STREAM):
            stream = _open_stream(exchange, opened, limits)
            await commit(stream)
            keep = True
            return stream
        body = await opened.read(limit=limits.reply_bytes)
        return exchange.read(UpstreamResponse(opened.status, opened.headers, body))
    finally:
        call.upstream_seconds += time.monotonic() - started
        if opened is not None and not keep:
            await opened.aclose()


def _open_stream(exchange: Exchange, opened: UpstreamStream, limits: Limits) -> Stream:
    assert exchange.frames is not None
    frames = _frames(opened, exchange.frames(), limits.idle)
    return Stream(exchange.dialect, frames=frames, headers=opened.headers, closers=(opened.aclose,))


async def _frames(opened: UpstreamStream, parser: FrameParser, idle: float | None) -> AsyncIterator[Frame]:
    async for data in opened.chunks(idle):
        for frame in parser.feed(data):
            yield frame
    for frame in parser.end():
        yield frame


async def commit(stream: Stream) -> None:
    """Wait for the first chunk that says something, so that what fails before can still fall back or be a status.

    Raises the error that a frame up to it carries, StreamBrokenError when the stream ends before it.
    """
    try:
        if stream.frames is not None:
            held = await _until_said(stream.frames, stream.dialect.decoder())
            stream.frames = _prepended(held, stream.frames)
        else:
            assert stream.chunks is not None
            chunk = await anext(stream.chunks, None)
            if chunk is None:
                raise StreamBrokenError("the upstream's stream ended before its first chunk")
            stream.chunks = _prepended([chunk], stream.chunks)
    except BaseException:
        await stream.aclose()
        raise


async def _until_said(frames: AsyncIterator[Frame], decoder: StreamDecoder) -> list[Frame]:
    """The frames up to the first with an event; pings come first, and an end marker may be all there is."""
    held: list[Frame] = []
    async for frame in frames:
        held.append(frame)
        if decoder.decode(frame) or len(held) >= MOST_HELD:
            return held
    raise StreamBrokenError("the upstream's stream ended before its first chunk")


async def _prepended(first: list[T], rest: AsyncIterator[T]) -> AsyncIterator[T]:
    try:
        for item in first:
            yield item
        async for item in rest:
            yield item
    finally:
        close = getattr(rest, "aclose", None)
        if close is not None:
            await close()


class deadline:
    """Bound what is inside to `seconds` (None: not at all). Raises RequestTimeoutError naming what did not come."""

    __slots__ = ("_seconds", "_timeout", "_what")

    def __init__(self, seconds: float | None, what: str) -> None:
        self._seconds = seconds
        self._what = what
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as passed:
            message = f"the upstream gave no {self._what} within {self._seconds:g} seconds"
            raise RequestTimeoutError(message) from passed
