"""Moves the bytes of one attempt: an exchange goes out, a reply or a committed stream comes back."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType

import msgspec

from nova_core.errors import BadGatewayError, NovaError, PayloadTooLargeError, RequestTimeoutError
from nova_core.gateway.policy import Limits
from nova_core.gateway.streamed import commit, open_raw, open_stream
from nova_core.gateway.transport import Opens, UpstreamStream
from nova_core.types.call import Call
from nova_core.types.dialect import StreamsRaw
from nova_core.types.message import Reply, Stream
from nova_core.types.structural import follows
from nova_core.types.upstream import Errand, Exchange, Gathered, UpstreamRequest, UpstreamResponse

MAX_EXCHANGES = 1000
ERROR_BODY_LIMIT = 1 << 20
STREAM_TYPES = (
    "text/event-stream",
    "application/x-ndjson",
    "application/stream+json",
    "application/vnd.amazon.eventstream",
)
"""Content types of answers that come in pieces."""
OVERDUE = ("first_byte_timeout", "total_timeout")
"""Codes of the transport's errors for the deadline of a whole reply."""


async def perform(
    transport: Opens, call: Call, exchange: Exchange, limits: Limits, *, since: float | None = None
) -> Reply | Stream:
    """Carry out an exchange, and those that it leads to, all of them within the deadline of a whole reply.

    `since` is when the first of them began, if it did before (`time.monotonic()` seconds).

    Raises what the exchange makes of an error status, BadGatewayError for a redirect or an answer that is not
    this operation's, RequestTimeoutError when a deadline passes, and APIConnectionError from the transport.
    """
    by = None if limits.total is None else (time.monotonic() if since is None else since) + limits.total
    for _ in range(MAX_EXCHANGES):
        if exchange.wait:
            await _pause(exchange.wait, by, limits)
        if type(exchange.request) is Gathered:
            exchange = msgspec.structs.replace(exchange, request=await _whole(exchange.request, by))
        if exchange.frames is not None:
            async with deadline(limits.first_chunk, "first chunk"):
                answer = await _streamed(transport, call, exchange, limits)
        elif type(exchange.request) is Errand:
            async with deadline(None if by is None else by - time.monotonic(), "credentials"):
                answer = exchange.read(UpstreamResponse(200, {}, await asyncio.to_thread(exchange.request.run)))
        else:
            # The transport keeps the deadline: it has a timer anyway.
            started = time.monotonic() if since is None else since
            since = None
            left = None if by is None else by - started
            opened: UpstreamStream | None = None
            failure: NovaError | None = None
            try:
                opened = await transport.open(exchange.request, first_byte_timeout=left, connect_timeout=limits.connect)
                if opened.status >= 300:
                    raise await _refused(exchange, opened, by)
                body = await opened.read(limit=limits.reply_bytes, deadline=by)
            except NovaError as error:
                if exchange.otherwise is None:
                    if isinstance(error, RequestTimeoutError) and error.code in OVERDUE and limits.total is not None:
                        raise no_answer("reply", limits.total) from error
                    raise
                failure = error
            finally:
                call.upstream_seconds += time.monotonic() - started
                if opened is not None:
                    await opened.aclose()
            if failure is not None:
                assert exchange.otherwise is not None
                answer = exchange.otherwise(failure)
            else:
                assert opened is not None
                answer = exchange.read(UpstreamResponse(opened.status, opened.headers, body))
        if not isinstance(answer, Exchange):
            return answer
        exchange = answer
    raise BadGatewayError(f"the upstream asked for more than {MAX_EXCHANGES} exchanges")


async def _whole(request: Gathered, by: float | None) -> UpstreamRequest:
    """The request that is made of the whole body. Raises PayloadTooLargeError for one that is too large."""
    assert request.body is not None and not isinstance(request.body, bytes)
    pieces: list[bytes] = []
    left = request.most
    async with deadline(None if by is None else by - time.monotonic(), "room for the body"):
        async for piece in request.body.chunks():
            left -= len(piece)
            if left < 0:
                raise PayloadTooLargeError(f"the request is larger than the {request.most} bytes that this model takes")
            pieces.append(piece)
    return request.made(b"".join(pieces))


async def _pause(seconds: float, by: float | None, limits: Limits) -> None:
    """Let an upstream work. Raises RequestTimeoutError at once when the deadline would pass meanwhile."""
    if by is not None and time.monotonic() + seconds >= by:
        assert limits.total is not None
        raise no_answer("reply", limits.total)
    await asyncio.sleep(seconds)


async def _streamed(transport: Opens, call: Call, exchange: Exchange, limits: Limits) -> Reply | Stream | Exchange:
    """An exchange that asks for a stream, up to its first chunk; upstreams may answer with a whole reply."""
    started = time.monotonic()
    opened: UpstreamStream | None = None
    keep = False
    try:
        opened = await transport.open(exchange.request, connect_timeout=limits.connect)
        if opened.status >= 300:
            raise await _refused(exchange, opened, None)
        kind = opened.headers.get("content-type", "").lower()
        events = kind.startswith(STREAM_TYPES)
        if events or (follows(exchange.dialect, StreamsRaw) and exchange.dialect.is_content(kind)):
            stream = (open_stream if events else open_raw)(exchange, opened, limits.idle)
            await commit(stream)
            keep = True
            return stream
        body = await opened.read(limit=limits.reply_bytes)
        return exchange.read(UpstreamResponse(opened.status, opened.headers, body))
    finally:
        call.upstream_seconds += time.monotonic() - started
        if opened is not None and not keep:
            await opened.aclose()


async def _refused(exchange: Exchange, opened: UpstreamStream, by: float | None) -> NovaError:
    """The error that an answer with a status of 300 and above is."""
    body = await opened.read(limit=ERROR_BODY_LIMIT, deadline=by)
    if opened.status < 400:
        return BadGatewayError(f"the upstream answered with a redirect ({opened.status}), which is not followed")
    return exchange.read_error(UpstreamResponse(opened.status, opened.headers, body))


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
            assert self._seconds is not None
            raise no_answer(self._what, self._seconds) from passed


def no_answer(what: str, seconds: float) -> RequestTimeoutError:
    """The error for an upstream that did not give `what` within its time."""
    return RequestTimeoutError(f"the upstream gave no {what} within {seconds:g} seconds")
