"""Streams towards the caller: bytes passed on, or decoded, wrapped by plugins and encoded anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing

from nova_core.errors import ClientClosedError, InternalServerError, NovaError, StreamBrokenError
from nova_core.gateway.writers import writer_of
from nova_core.types.call import Call
from nova_core.types.chat import ChatReply
from nova_core.types.dialect import Dialect
from nova_core.types.events import Chunk, Event
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
        call = self._call
        said: list[bytes] = []
        try:
            writer = writer_of(self._stream, self._dialect, call)
            try:
                while await writer.more(said):
                    if said:
                        yield said[0] if len(said) == 1 else b"".join(said)
                        said.clear()
                said.append(writer.end())
            except NovaError as error:
                self._failed(error)
                said.append(writer.fail(error))
        except Exception as error:
            logger.exception("call %s: a stream layer raised", call.id)
            self._error = InternalServerError("the gateway failed while streaming").at(
                provider=None, deployment_id=None, model=call.model
            )
            self._error.__cause__ = error
            said.append(self._dialect.encoder(model=call.model, include_usage=False).fail(self._error))
        if last := b"".join(said):
            yield last
        self._complete = True

    def _failed(self, error: NovaError) -> None:
        """Note what broke the stream; upstreams quote keys."""
        deployment = self._call.deployment
        self._error = error if deployment is None else without_secrets(error, deployment)
