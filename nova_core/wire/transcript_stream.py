"""Streams of OpenAI's transcriptions: `transcript.text.delta`, `.segment` and `.done` events."""

# Source: OpenAI API reference, "Create transcription" with `stream: true`.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import NovaError
from nova_core.types.events import Event, Finish, Frame, Piece, TextDelta, UsageUpdate
from nova_core.types.usage import Usage
from nova_core.wire.named_events import EventDecoder, EventRelay, error_event
from nova_core.wire.sse import sse_bytes
from nova_core.wire.transcript_usage import rendered_usage, usage_in

DELTA = "transcript.text.delta"
DONE = "transcript.text.done"
LAST = frozenset({DONE})


def stated_usage(event: Mapping[str, Any]) -> Usage | None:
    """The usage that a last event states."""
    return usage_in(event.get("usage"))


def transcript_relay() -> EventRelay:
    """Events passed on as they came; they name no model."""
    return EventRelay(LAST, stated_usage)


class TranscriptDecoder:
    """Deltas become text, the last event usage and the finish; other events stay pieces of their own."""

    def __init__(self) -> None:
        self._events = EventDecoder(LAST, stated_usage)
        self._said = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """See `StreamDecoder.decode`."""
        events = self._events.decode(frame)
        if not events:
            return ()
        piece, *counted = events
        assert isinstance(piece, Piece)
        if piece.event not in (DELTA, DONE):
            return events
        text = msgspec.json.decode(frame.data).get("text" if piece.event == DONE else "delta")
        told: tuple[Event, ...] = (TextDelta(0, 0, text),) if isinstance(text, str) else ()
        if piece.event == DELTA:
            self._said = True
            return told
        return (*(() if self._said else told), *counted, Finish(0, "stop"))

    def end(self) -> tuple[Event, ...]:
        """See `StreamDecoder.end`."""
        return self._events.end()


class TranscriptEncoder:
    """Text becomes deltas; the last event has all of it, and the usage."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._usage: Usage | None = None

    def encode(self, events: tuple[Event, ...]) -> bytes:
        """See `StreamEncoder.encode`."""
        said: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta):
                self._text.append(event.text)
                said.append(_line({"type": DELTA, "delta": event.text}))
            elif isinstance(event, Piece):
                said.append(sse_bytes(Frame(event.data)))
            elif isinstance(event, UsageUpdate):
                self._usage = event.usage
        return b"".join(said)

    def end(self) -> bytes:
        """See `StreamEncoder.end`."""
        done: dict[str, Any] = {"type": DONE, "text": "".join(self._text)}
        if self._usage is not None:
            done["usage"] = rendered_usage(self._usage)
        return _line(done)

    def fail(self, error: NovaError) -> bytes:
        """See `StreamEncoder.fail`."""
        return error_event(error)


def _line(event: dict[str, Any]) -> bytes:
    return sse_bytes(Frame(msgspec.json.encode(event)))
