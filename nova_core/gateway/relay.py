"""Streams towards the caller: bytes passed on, or decoded, wrapped by plugins and encoded anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing

from nova_core.errors import ClientClosedError, InternalServerError, NovaError, StreamBrokenError
from nova_core.gateway.pouring import Outlet, Pouring
from nova_core.gateway.streamed import ReadFrames
from nova_core.gateway.writers import FrameRelay, FrameTranslator, Writer, wants_events, writer_of
from nova_core.types.call import Call
from nova_core.types.chat import ChatReply
from nova_core.types.dialect import CountsRequests, Dialect, StreamsWhole
from nova_core.types.events import Chunk, Event, Piece, UsageUpdate
from nova_core.types.message import RawReply, Reply, Stream
from nova_core.types.structural import follows
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
    if stream.content_type is not None:
        async for frame in stream.frames:
            yield Chunk((Piece(frame.data),), frame)
        return
    decoder = stream.dialect.decoder()
    async for frame in stream.frames:
        yield Chunk(decoder.decode(frame), frame)
    rest = decoder.end()
    if rest:
        yield Chunk(rest)


def as_stream(reply: Reply, dialect: Dialect) -> Stream:
    """A whole reply as a stream, for a caller who asked for one in `dialect`."""
    said: Iterable[tuple[Event, ...]]
    kind: str | None = None
    if isinstance(reply, RawReply):
        kind, said = reply.content_type, _said_raw(reply)
    elif isinstance(typed := reply.typed, ChatReply):
        said = disassemble(typed)
    elif follows(dialect, StreamsWhole):
        said = (dialect.events(typed),)
    else:
        raise StreamBrokenError(f"a reply of {reply.operation} cannot be streamed")

    async def pieces() -> AsyncIterator[Chunk]:
        for events in said:
            yield Chunk(events)

    return Stream(reply.dialect, chunks=pieces(), headers=reply.headers, content_type=kind)


def _said_raw(reply: RawReply) -> Iterable[tuple[Event, ...]]:
    usage = () if reply.usage is None else (UsageUpdate(reply.usage),)
    return ((Piece(reply.content), *usage),)


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
    error event, or is `cut` where it is bytes and no events: who passes it on must then break off, too. `content_type`
    is that of such bytes. `finished` runs exactly once, with the error that ended the stream, if any.
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
        self.content_type = None if wants_events(stream, call) else stream.content_type
        if stream.content_type is not None and follows(dialect, CountsRequests):
            call.usage = dialect.usage_of_request(call.original.members)  # known before the first byte, and so the cost
        self._bytes = self._pieces()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._bytes

    @property
    def closed(self) -> bool:
        """Whether it was closed, or is being closed."""
        return self._done

    @property
    def cut(self) -> bool:
        """Whether the bytes that came are not all, without saying so."""
        return self.content_type is not None and self._error is not None

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

    async def pour(self, outlet: Outlet) -> None:
        """Write all of it to `outlet`: frames of an upstream in the moment they come, without waking a task for each.

        The other way to read the stream beside iterating it. Raises nothing that breaks the stream: its error event
        is written.
        """
        frames = self._stream.frames
        if isinstance(frames, ReadFrames) and self._stream.content_type is None:
            await self._pour_frames(frames, outlet)
        else:
            await self._pour_pieces(outlet)

    async def _pour_pieces(self, outlet: Outlet) -> None:
        async for piece in self._bytes:
            if not outlet.write(piece):
                await outlet.ready()

    async def _pour_frames(self, frames: ReadFrames, outlet: Outlet) -> None:
        writer: Writer | None = None
        try:
            writer = writer_of(self._stream, self._dialect, self._call)
            assert isinstance(writer, FrameRelay | FrameTranslator)
            await frames.pour(Pouring(writer.say, outlet, writer.refrain), outlet.ready)
            last = writer.end()
        except Exception as error:
            last = self._broken(error, writer)
        if last:
            outlet.write(last)
        self._complete = True

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        said: list[bytes] = []
        writer: Writer | None = None
        try:
            writer = writer_of(self._stream, self._dialect, self._call)
            while await writer.more(said):
                if said:
                    yield said[0] if len(said) == 1 else b"".join(said)
                    said.clear()
            said.append(writer.end())
        except Exception as error:
            said.append(self._broken(error, writer))
        if last := b"".join(said):
            yield last
        self._complete = True

    def _broken(self, error: Exception, writer: Writer | None) -> bytes:
        """Note what broke the stream; the bytes that say so."""
        call = self._call
        if isinstance(error, NovaError) and writer is not None:
            # Upstreams quote keys.
            self._error = error if call.deployment is None else without_secrets(error, call.deployment)
            return writer.fail(error)
        logger.error("call %s: a stream layer raised", call.id, exc_info=error)
        self._error = InternalServerError("the gateway failed while streaming").at(
            provider=None, deployment_id=None, model=call.model
        )
        self._error.__cause__ = error
        if self.content_type is not None:
            return b""
        return self._dialect.encoder(model=call.model, include_usage=False).fail(self._error)
