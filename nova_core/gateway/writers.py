"""What a stream is to the caller: frames passed on, frames translated, or chunks that went through plugins."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from nova_core.errors import NovaError
from nova_core.gateway.streamed import Frames, frames_of
from nova_core.types.call import Call
from nova_core.types.dialect import Dialect, LeavesUnread, StreamRelay, StreamsRaw
from nova_core.types.events import Chunk, Event, Frame, Piece, UsageUpdate
from nova_core.types.message import Stream
from nova_core.types.structural import follows
from nova_core.wire.refrain import Refrain


class Writer(Protocol):
    """Turns one stream into the caller's bytes and notes the call's usage."""

    async def more(self, said: list[bytes]) -> bool:
        """Add the bytes of what comes next to `said`, none for what is left out; False at the end of the stream.

        Raises what breaks the stream; what was made before it is in `said`.
        """
        ...

    def end(self) -> bytes:
        """What is missing for a clean end. Raises StreamBrokenError if the answer was not finished."""
        ...

    def fail(self, error: NovaError) -> bytes:
        """The bytes of a broken end."""
        ...


def writer_of(stream: Stream, dialect: Dialect, call: Call) -> Writer:
    """The cheapest writer that is right: nothing is decoded or encoded that can pass."""
    if stream.content_type is not None:
        return RawTranslator(stream, dialect, call) if wants_events(stream, call) else RawRelay(stream, dialect, call)
    if stream.frames is None:
        return ChunkWriter(stream, dialect, call)
    if stream.dialect.name == dialect.name:
        return FrameRelay(stream, dialect, call)
    return FrameTranslator(stream, dialect, call)


class FrameRelay:
    """Frames passed on in the dialect they came in."""

    __slots__ = ("_call", "_frames", "_relay", "end", "fail", "refrain")

    def __init__(self, stream: Stream, dialect: Dialect, call: Call) -> None:
        self._call = call
        self._frames = frames_of(stream)
        self._relay = _relay(dialect, call)
        self.refrain = Refrain(self._relay.unread()) if follows(self._relay, LeavesUnread) else None
        self.end = self._relay.end
        self.fail = self._relay.fail

    async def more(self, said: list[bytes]) -> bool:
        """See `Writer.more`."""
        frames = await self._frames.batch()
        self.say(frames, said)
        return bool(frames)

    def say(self, frames: list[Frame], said: list[bytes]) -> None:
        """Add the bytes of these frames to `said`; raises as `more` does."""
        relay = self._relay
        try:
            for frame in frames:
                if piece := relay.relay(frame):
                    said.append(piece)
        finally:
            self._call.usage = relay.usage


class FrameTranslator:
    """Frames of another dialect, decoded and encoded anew."""

    __slots__ = ("_call", "_decoder", "_encoder", "_frames", "fail")
    refrain: Refrain | None = None

    def __init__(self, stream: Stream, dialect: Dialect, call: Call) -> None:
        self._call = call
        self._frames = frames_of(stream)
        self._decoder = stream.dialect.decoder()
        self._encoder = dialect.encoder(model=call.model, include_usage=wants_usage(call))
        self.fail = self._encoder.fail

    async def more(self, said: list[bytes]) -> bool:
        """See `Writer.more`."""
        frames = await self._frames.batch()
        self.say(frames, said)
        return bool(frames)

    def say(self, frames: list[Frame], said: list[bytes]) -> None:
        """Add the bytes of these frames to `said`; raises as `more` does."""
        for frame in frames:
            events = self._decoder.decode(frame)
            if events:
                _note_usage(self._call, events)
                if piece := self._encoder.encode(events):
                    said.append(piece)

    def end(self) -> bytes:
        """See `Writer.end`."""
        rest = self._decoder.end()
        _note_usage(self._call, rest)
        return self._encoder.encode(rest) + self._encoder.end()


class ChunkWriter:
    """Chunks encoded; where the dialect stays, those that no plugin changed keep the bytes they came as."""

    __slots__ = ("_call", "_changed", "_chunks", "_encoder", "_relay", "fail")

    def __init__(self, stream: Stream, dialect: Dialect, call: Call) -> None:
        assert stream.chunks is not None
        self._call = call
        self._chunks = stream.chunks
        self._encoder = dialect.encoder(model=call.model, include_usage=wants_usage(call))
        self._relay = _relay(dialect, call)
        self._changed = stream.dialect.name != dialect.name
        self.fail = self._encoder.fail

    async def more(self, said: list[bytes]) -> bool:
        """See `Writer.more`."""
        chunk = await anext(self._chunks, None)
        if chunk is None:
            return False
        if chunk.comment is not None:
            said.append(b": %b\n\n" % chunk.comment.encode())
        _note_usage(self._call, chunk.events)
        piece = self._encoder.encode(chunk.events)
        if chunk.frame is None:
            self._changed = True
        elif not self._changed:
            piece = self._relay.relay(chunk.frame)
        if piece:
            said.append(piece)
        return True

    def end(self) -> bytes:
        """See `Writer.end`."""
        return self._encoder.end() if self._changed else self._relay.end()


class RawRelay:
    """Bytes passed on as they come."""

    __slots__ = ("_call", "_chunks")

    def __init__(self, stream: Stream, dialect: Dialect, call: Call) -> None:
        self._call = call
        self._chunks = stream.chunks if stream.frames is None else _as_chunks(frames_of(stream))

    async def more(self, said: list[bytes]) -> bool:
        """See `Writer.more`."""
        assert self._chunks is not None
        chunk = await anext(self._chunks, None)
        if chunk is None:
            return False
        _note_usage(self._call, chunk.events)
        said += [event.data for event in chunk.events if isinstance(event, Piece) and event.data]
        return True

    def end(self) -> bytes:
        """Nothing is missing."""
        return b""

    def fail(self, error: NovaError) -> bytes:
        """Bytes cannot say that they are not all: the connection is cut."""
        return b""


class RawTranslator(RawRelay):
    """Bytes said as the events of a dialect, for a caller who asked for those."""

    __slots__ = ("_encoder",)

    def __init__(self, stream: Stream, dialect: Dialect, call: Call) -> None:
        super().__init__(stream, dialect, call)
        self._encoder = dialect.encoder(model=call.model, include_usage=True)

    async def more(self, said: list[bytes]) -> bool:
        """See `Writer.more`."""
        pieces: list[bytes] = []
        more = await super().more(pieces)
        said += [self._encoder.encode((Piece(piece),)) for piece in pieces]
        return more

    def end(self) -> bytes:
        """The event that ends it."""
        usage = self._call.usage
        return self._encoder.encode(() if usage is None else (UsageUpdate(usage),)) + self._encoder.end()

    def fail(self, error: NovaError) -> bytes:
        """An error event."""
        return self._encoder.fail(error)


async def _as_chunks(frames: Frames) -> AsyncGenerator[Chunk, None]:
    while batch := await frames.batch():
        yield Chunk(tuple(Piece(frame.data) for frame in batch))


def wants_events(stream: Stream, call: Call) -> bool:
    """Whether the caller is to get a stream of bytes as events."""
    dialect = call.original.dialect
    return (
        stream.content_type is not None and follows(dialect, StreamsRaw) and dialect.wants_events(call.original.members)
    )


def _note_usage(call: Call, events: tuple[Event, ...]) -> None:
    for event in events:
        if isinstance(event, UsageUpdate):
            call.usage = event.usage


def _relay(dialect: Dialect, call: Call) -> StreamRelay:
    return dialect.relay(model=call.model, hide_usage=call.metered and not wants_usage(call))


def wants_usage(call: Call) -> bool:
    """Whether the caller's dialect shows usage at the end of this stream."""
    options = call.original.get("stream_options")
    return bool(isinstance(options, dict) and options.get("include_usage"))
