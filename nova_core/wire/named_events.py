"""Streams of named events that are no chat: passed on, decoded to pieces, and pieces encoded again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.types.events import Event, Frame, Piece, UsageUpdate
from nova_core.types.usage import Usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.openai_chat.errors import render_error, stream_error
from nova_core.wire.sse import sse_bytes

UsageOf = Callable[[Mapping[str, Any]], Usage | None]
DONE = b"[DONE]"


class _Head(msgspec.Struct):
    type: str | None = None
    error: Any = None


_HEAD = msgspec.json.Decoder(_Head)


class EventTap:
    """Looks at the events of one stream. `last` are the types that end it, `usage_of` reads the usage of one of them.

    It serves as relay and as decoder; usages of several last events are added.
    """

    __slots__ = ("_last", "_usage_of", "events", "usage")

    def __init__(self, last: frozenset[str], usage_of: UsageOf) -> None:
        self._last = last
        self._usage_of = usage_of
        self.usage: Usage | None = None
        self.events = 0

    def relay(self, frame: Frame) -> bytes:
        """The frame's bytes, b"" for frames to leave out. Raises the error that it carries, StreamBrokenError."""
        return sse_bytes(frame) if self._kind(frame) is not None else b""

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """The frame as a piece, and the usage that it states. Raises like `relay`."""
        before, kind = self.usage, self._kind(frame)
        if kind is None:
            return ()
        piece = Piece(frame.data, kind)
        return (piece,) if self.usage is before or self.usage is None else (piece, UsageUpdate(self.usage))

    def _kind(self, frame: Frame) -> str | None:
        data = frame.data
        if not data or data.isspace() or data.strip() == DONE:
            return None
        try:
            head = _HEAD.decode(data)
            kind = head.type or frame.event
            if kind is None or kind == "error" or head.error is not None:
                raise stream_error(data)
            if kind in self._last:
                self._finished(msgspec.json.decode(data))
        except NOT_JSON as error:
            raise StreamBrokenError("the upstream's stream holds an event that cannot be read") from error
        return kind

    def _finished(self, event: Mapping[str, Any]) -> None:
        self.events += 1
        stated = self._usage_of(event)
        if stated is not None:
            self.usage = stated if self.usage is None else self.usage + stated

    def finish(self) -> None:
        """Raises StreamBrokenError unless a last event came."""
        if not self.events:
            raise StreamBrokenError("the upstream's stream ended before its last event")


class EventRelay(EventTap):
    """Events passed on as they came."""

    __slots__ = ()

    def end(self) -> bytes:
        """Nothing is missing. Raises StreamBrokenError if the answer was not finished."""
        self.finish()
        return b""

    def fail(self, error: NovaError) -> bytes:
        """An error event."""
        return error_event(error)


class EventDecoder(EventTap):
    """Events as pieces."""

    __slots__ = ()

    def end(self) -> tuple[Event, ...]:
        """Nothing is left. Raises StreamBrokenError if the answer was not finished."""
        self.finish()
        return ()


class PieceEncoder:
    """Pieces as the events that they are."""

    __slots__ = ()

    def encode(self, events: tuple[Event, ...]) -> bytes:
        """The events of the pieces."""
        return b"".join(sse_bytes(Frame(event.data, event.event)) for event in events if isinstance(event, Piece))

    def end(self) -> bytes:
        """Nothing is missing."""
        return b""

    def fail(self, error: NovaError) -> bytes:
        """An error event."""
        return error_event(error)


def error_event(error: NovaError) -> bytes:
    """The end of a broken stream."""
    return sse_bytes(Frame(msgspec.json.encode({"type": "error", **render_error(error)}), "error"))
