"""Moves the bytes of one attempt: an exchange goes out, a reply or a committed stream comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from nova_core.errors import BadGatewayError, RequestTimeoutError, StreamBrokenError
from nova_core.gateway.transport import Transport, UpstreamStream
from nova_core.types.call import Call
from nova_core.types.events import Chunk, Frame
from nova_core.types.message import Reply, Stream
from nova_core.types.upstream import Exchange, FrameParser, UpstreamResponse

T = TypeVar("T", Frame, Chunk)
MAX_EXCHANGES = 1000
ERROR_BODY_LIMIT = 1 << 20
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
        if exchange.frames is not None and opened.headers.get("content-type", "").startswith(EVENT_STREAM):
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
    """Wait for the first chunk, so that what fails before it can still fall back or become an HTTP status.

    Raises the error that the first frame carries, StreamBrokenError when the stream ends before it.
    """
    try:
        if stream.frames is not None:
            first = await anext(stream.frames, None)
            if first is not None:
                stream.dialect.decoder().decode(first)
                stream.frames = _prepended(first, stream.frames)
                return
        else:
            assert stream.chunks is not None
            chunk = await anext(stream.chunks, None)
            if chunk is not None:
                stream.chunks = _prepended(chunk, stream.chunks)
                return
        raise StreamBrokenError("the upstream's stream ended before its first chunk")
    except BaseException:
        await stream.aclose()
        raise


async def _prepended(first: T, rest: AsyncIterator[T]) -> AsyncIterator[T]:
    try:
        yield first
        async for item in rest:
            yield item
    finally:
        close = getattr(rest, "aclose", None)
        if close is not None:
            await close()


@asynccontextmanager
async def deadline(seconds: float | None, what: str) -> AsyncIterator[None]:
    """Bound what is inside. Raises RequestTimeoutError naming the deadline that passed."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise RequestTimeoutError(f"the upstream gave no {what} within {seconds:g} seconds") from error
