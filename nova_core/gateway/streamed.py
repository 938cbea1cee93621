"""The stream of one attempt: frames as they are read, held until the first that says something."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from nova_core.errors import StreamBrokenError
from nova_core.gateway.pouring import Pouring
from nova_core.gateway.transport import Pours, UpstreamStream, Wait
from nova_core.types.dialect import StreamDecoder
from nova_core.types.events import Chunk, Frame
from nova_core.types.message import Stream
from nova_core.types.structural import follows
from nova_core.types.upstream import Exchange, FrameParser

MOST_HELD = 100
"""Frames that say nothing before a stream is passed on all the same."""


class Frames:
    """Frames one by one or, cheaper, in batches: what came together can be written together.

    `batch` and iteration may be mixed. Not for several readers at once.
    """

    __slots__ = ("_batches", "_held")

    def __init__(self, batches: AsyncGenerator[list[Frame], None]) -> None:
        self._batches = batches
        self._held: list[Frame] = []

    def __aiter__(self) -> Frames:
        return self

    async def __anext__(self) -> Frame:
        if not self._held:
            self._held = await self.batch()
        if not self._held:
            raise StopAsyncIteration
        return self._held.pop(0)

    async def batch(self) -> list[Frame]:
        """The frames that are there, after waiting for one; an empty list at the end. Raises what breaks the stream."""
        if self._held:
            held, self._held = self._held, []
            return held
        return await self._next()

    async def _next(self) -> list[Frame]:
        return await anext(self._batches, [])

    def hold(self, frames: list[Frame]) -> None:
        """Give these frames (again) before any others."""
        self._held = [*frames, *self._held]

    async def aclose(self) -> None:
        """Read no more."""
        await self._batches.aclose()


class ReadFrames(Frames):
    """Frames of an open answer, parsed as they are read."""

    __slots__ = ("_ended", "_parser", "_reads")

    def __init__(self, reads: AsyncIterator[bytes], parser: FrameParser) -> None:
        self._held = []
        self._reads = reads
        self._parser = parser
        self._ended = False

    async def _next(self) -> list[Frame]:
        while not self._ended:
            data = await anext(self._reads, None)
            if data is None:
                self._ended = True
                return self._parser.end()
            if frames := self._parser.feed(data):
                return frames
        return []

    async def pour(self, pouring: Pouring, ready: Wait) -> None:
        """Have all frames written, where it can be in the moment they come; `ready` is awaited for a slow reader.

        Raises what breaks the stream.
        """
        if self._held and not pouring.write(await self.batch()):
            await ready()
        if follows(self._reads, Pours) and not self._ended:
            await self._reads.pour(pouring.taking(self._parser), ready)
            self._ended = True
            if rest := self._parser.end():
                pouring.write(rest)
            return
        while frames := await self.batch():
            if not pouring.write(frames):
                await ready()

    async def aclose(self) -> None:
        """Read no more."""
        await _close(self._reads)


def open_stream(exchange: Exchange, opened: UpstreamStream, idle: float | None) -> Stream:
    """The frames of an answer as a stream; gaps between reads are bounded by `idle` seconds."""
    assert exchange.frames is not None
    frames = ReadFrames(opened.chunks(idle), exchange.frames())
    return Stream(exchange.dialect, frames=frames, headers=opened.headers, closers=(opened.aclose,))


def open_raw(exchange: Exchange, opened: UpstreamStream, idle: float | None) -> Stream:
    """The bytes of an answer that is no events, as they come."""
    frames = Frames(_pieces(opened, idle))
    kind = opened.headers["content-type"]
    return Stream(exchange.dialect, frames=frames, headers=opened.headers, closers=(opened.aclose,), content_type=kind)


def frames_of(stream: Stream) -> Frames:
    """The frames of a stream that has some, whoever made it."""
    assert stream.frames is not None
    return stream.frames if isinstance(stream.frames, Frames) else Frames(_one_by_one(stream.frames))


async def _pieces(opened: UpstreamStream, idle: float | None) -> AsyncGenerator[list[Frame], None]:
    async for data in opened.chunks(idle):
        if data:
            yield [Frame(data)]


async def _one_by_one(frames: AsyncIterator[Frame]) -> AsyncGenerator[list[Frame], None]:
    try:
        async for frame in frames:
            yield [frame]
    finally:
        await _close(frames)


async def commit(stream: Stream) -> None:
    """Wait for the first chunk that says something, so that what fails before can still fall back or be a status.

    Raises the error that a frame up to it carries, StreamBrokenError when the stream ends before it.
    """
    try:
        if stream.frames is not None:
            stream.frames = frames = frames_of(stream)
            await _until_said(frames, None if stream.content_type else stream.dialect.decoder())
        else:
            assert stream.chunks is not None
            chunk = await anext(stream.chunks, None)
            if chunk is None:
                raise _silent()
            stream.chunks = _prepended(chunk, stream.chunks)
    except BaseException:
        await stream.aclose()
        raise


async def _until_said(frames: Frames, decoder: StreamDecoder | None) -> None:
    """Up to the first frame with an event; pings come first, and an end marker may be all there is.

    Without a decoder frames are bytes, of which each says something.
    """
    held: list[Frame] = []
    said = False
    while not said and len(held) < MOST_HELD:
        batch = await frames.batch()
        if not batch:
            raise _silent()
        held += batch
        said = decoder is None or any(decoder.decode(frame) for frame in batch)
    frames.hold(held)


def _silent() -> StreamBrokenError:
    return StreamBrokenError("the upstream's stream ended before its first chunk")


async def _prepended(first: Chunk, rest: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
    try:
        yield first
        async for chunk in rest:
            yield chunk
    finally:
        await _close(rest)


async def _close(source: object) -> None:
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()
