"""Streams of text completions into events."""

# https://docs.anthropic.com/en/api/streaming

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import StreamBrokenError
from nova_core.types.chat import FinishReason
from nova_core.types.events import Event, Finish, Frame, StreamStart, TextDelta
from nova_core.wire.anthropic_messages.errors import event_error
from nova_core.wire.anthropic_messages.reply import parse_stop_reason
from nova_core.wire.anthropic_messages.stream import read_event

HUMAN: Final = "\n\nHuman:"
"""Where models stop unasked: the other voice is about to speak."""


class Decoder:
    """Each event is the next piece of the completion, the last with the reason of its end."""

    __slots__ = ("_finished", "_started")

    def __init__(self) -> None:
        self._started = False
        self._finished = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the error of an error event, StreamBrokenError for what is no event."""
        if self._finished:
            return ()
        data = read_event(frame)
        kind = data.get("type") or frame.event
        if kind == "error" or "error" in data:
            raise event_error(frame.data)
        if kind == "ping":
            return ()
        text = data.get("completion")
        if not isinstance(text, str):
            raise StreamBrokenError("the upstream's event is no piece of a completion")
        return tuple(self._events(data, text))

    def end(self) -> tuple[Event, ...]:
        """Raises StreamBrokenError if the answer was not finished."""
        if not self._finished:
            raise StreamBrokenError("the upstream's stream ended without a stop_reason")
        return ()

    def _events(self, data: Mapping[str, Any], text: str) -> list[Event]:
        events: list[Event] = []
        if not self._started:
            self._started = True
            named = str(data.get("id") or data.get("log_id") or "")
            events.append(StreamStart(named, str(data.get("model") or "")))
        if text:
            events.append(TextDelta(0, 0, text))
        reason, native = finish_of(data)
        if reason is not None:
            self._finished = True
            events.append(Finish(0, reason, native, hit_by(data)))
        return events


def finish_of(members: Mapping[str, Any]) -> tuple[FinishReason | None, str | None]:
    """The finish reason, None while there is none, and the vendor's own word where it says more."""
    return parse_stop_reason(members.get("stop_reason"))


def hit_by(members: Mapping[str, Any]) -> str | None:
    """The stop sequence of the caller's that ended the text, where the upstream tells which it was."""
    hit = members.get("stop")
    return hit if isinstance(hit, str) and hit != HUMAN else None
