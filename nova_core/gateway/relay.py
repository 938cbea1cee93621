"""Streams towards the caller: bytes passed on, or decoded, wrapped by plugins and encoded anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing

from nova_core.errors import ClientClosedError, InternalServerError, NovaError, StreamBrokenError
from nova_core.types.call import Call
from nova_core.types.chat import ChatReply
from nova_core.types.dialect import Dialect, StreamRelay
from nova_core.types.events import Chunk, Event, UsageUpdate
from nova_core.types.message import Reply, Stream
from nova_core.wire.assemble import assemble, disassemble
from nova_core.wire.provider import without_secrets

logger = logging.getLogger("nova.gateway")

Finished = Callable[[NovaError | None], Awaitable[None]]


async def chunks_of(stream: Stream) -> AsyncGenerator[Chunk, None]:
    """The typed chunks of a stream; frames are decoded and keep their bytes beside their events."""
    if stream.chunks is not None:
        async for chunk in stream.chunks:
            yield chunk
        return
    assert stream.frames is not None
    decoder = stream.dialect.decoder()
    async for frame in stream.frames:
        yield Chunk(decoder.decode(frame), frame)
    rest = decoder.end()
    if rest:
        yield Chunk(rest)


def as_stream(reply: Reply) -> Stream:
    """A whole chat reply as a stream, for a caller who asked for one."""
    typed = reply.typed
    if not isinstance(typed, ChatReply):
        raise StreamBrokenError(f"a reply of {reply.operation} cannot be streamed")

    async def pieces() -> AsyncIterator[Chunk]:
        for events in disassemble(typed):
            yield Chunk(events)

    return Stream(reply.dialect, chunks=pieces(), headers=reply.headers)


async def as_reply(stream: Stream, call: Call) -> Reply:
    """A stream folded into a whole reply, for a caller who did not ask for one. Raises what breaks the stream."""
    events: list[Event] = []
    try:
        async with aclosing(chunks_of(stream)) as chunks:
            async for chunk in chunks:
                events.extend(chunk.events)
    finally:
        await stream.aclose()
    return Reply("chat", stream.dialect, typed=assemble(events), headers=stream.headers)


class CallerStream:
    """The bytes of a streamed answer in the caller's dialect, and the duty to close and account for it.

    Iterate once, then `aclose()`; both are safe in any order. A stream that breaks ends with the dialect's
    error event. `finished` runs exactly once, with the error that ended the stream, if any.
    """

    def __init__(self, call: Call, stream: Stream, dialect: Dialect, finished: Finished) -> None:
        self.headers: Mapping[str, str] = stream.headers
        self._call = call
        self._stream = stream
        self._dialect = dialect
        self._finished = finished
        self._done = False
        self._complete = False
        self._error: NovaError | None = None
        self._bytes = self._pieces()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._bytes

    @property
    def closed(self) -> bool:
        """Whether it was closed, or is being closed."""
        return self._done

    @property
    def error(self) -> NovaError | None:
        """What broke the stream; its error event is the last piece."""
        return self._error

    async def aclose(self) -> None:
        """Close all layers down to the upstream and account for the call; shielded from cancellation."""
        if self._done:
            return
        self._done = True
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        try:
            await self._bytes.aclose()
        finally:
            try:
                await self._stream.aclose()
            finally:
                error = self._error
                if error is None and not self._complete:
                    error = ClientClosedError("the caller left before the end of the stream")
                await self._finished(error)

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        same = self._dialect.name == self._stream.dialect.name
        source = self._relayed() if same and self._stream.frames is not None else self._encoded(same)
        try:
            async with aclosing(source) as pieces:
                async for piece in pieces:
                    yield piece
        except Exception as error:
            logger.exception("call %s: a stream layer raised", self._call.id)
            self._error = InternalServerError("the gateway failed while streaming").at(
                provider=None, deployment_id=None, model=self._call.model
            )
            self._error.__cause__ = error
            yield self._dialect.encoder(model=self._call.model, include_usage=False).fail(self._error)
        self._complete = True

    async def _relayed(self) -> AsyncGenerator[bytes, None]:
        relay = _relay(self._dialect, self._call)
        assert self._stream.frames is not None
        try:
            async for frame in self._stream.frames:
                piece = relay.relay(frame)
                if piece:
                    yield piece
            last = relay.end()
        except NovaError as error:
            self._failed(error)
            last = relay.fail(error)
        finally:
            self._call.usage = relay.usage
        if last:
            yield last

    def _failed(self, error: NovaError) -> None:
        """Note what broke the stream; upstreams quote keys."""
        deployment = self._call.deployment
        self._error = error if deployment is None else without_secrets(error, deployment)

    async def _encoded(self, same: bool) -> AsyncGenerator[bytes, None]:
        """Encode events; where the dialect stays, chunks that no plugin changed keep the bytes they came as."""
        call = self._call
        encoder = self._dialect.encoder(model=call.model, include_usage=wants_usage(call))
        relay = _relay(self._dialect, call) if same else None
        changed = False
        try:
            async with aclosing(chunks_of(self._stream)) as chunks:
                async for chunk in chunks:
                    for event in chunk.events:
                        if isinstance(event, UsageUpdate):
                            call.usage = event.usage
                    piece = encoder.encode(chunk.events)
                    if relay is not None and chunk.frame is not None and not changed:
                        piece = relay.relay(chunk.frame)
                    else:
                        changed = True
                    if piece:
                        yield piece
            last = relay.end() if relay is not None and not changed else encoder.end()
        except NovaError as error:
            self._failed(error)
            last = encoder.fail(error)
        if last:
            yield last


def _relay(dialect: Dialect, call: Call) -> StreamRelay:
    return dialect.relay(model=call.model, hide_usage=call.metered and not wants_usage(call))


def wants_usage(call: Call) -> bool:
    """Whether the caller's dialect shows usage at the end of this stream."""
    options = call.original.get("stream_options")
    return bool(isinstance(options, dict) and options.get("include_usage"))
