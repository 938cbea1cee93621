"""A Messages stream passed on to a Messages caller: only the model's name is changed."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.types.events import Frame
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages.encoder import event_bytes
from nova_core.wire.anthropic_messages.errors import event_error, render_error
from nova_core.wire.anthropic_messages.usage import parse_usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.sse import sse_bytes

NAMED: Final = frozenset(
    {
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop", "ping",
    }
)  # fmt: skip


class _Kind(msgspec.Struct):
    type: str | None = None
    error: msgspec.Raw = msgspec.Raw(b"")


class _Delta(msgspec.Struct):
    stop_reason: str | None = None


class _MessageDelta(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    usage: dict[str, Any] | None = None


class Relay:
    """Frames as they came, the model renamed in message_start, usage read on the way.

    `events` counts frames that were passed on. Frames after message_stop are left out.
    """

    __slots__ = ("_finished", "_model", "_stopped", "_usage", "events", "usage")

    def __init__(self, *, model: str) -> None:
        self._model = model
        self._usage: dict[str, Any] = {}
        self._finished = False
        self._stopped = False
        self.usage: Usage | None = None
        self.events = 0

    def relay(self, frame: Frame) -> bytes:
        """The frame's bytes. Raises the error of an error event, StreamBrokenError for what is no event."""
        if self._stopped or not frame.data:
            return b""
        try:
            out = self._relayed(frame)
        except NOT_JSON as error:
            raise StreamBrokenError("the upstream sent an event that is not one of a message") from error
        self.events += 1
        return out

    def unread(self) -> tuple[str, ...]:
        """See `LeavesUnread`."""
        return ("text", "thinking", "partial_json")

    def end(self) -> bytes:
        """message_stop if only that is missing. Raises StreamBrokenError if the answer was not finished."""
        if self._stopped:
            return b""
        if not self._finished:
            raise StreamBrokenError("the upstream's stream ended before its answer did")
        self._stopped = True
        return event_bytes("message_stop", {})

    def fail(self, error: NovaError) -> bytes:
        """An error event."""
        return event_bytes("error", render_error(error))

    def _relayed(self, frame: Frame) -> bytes:
        # Decoding the type alone still checks that the whole frame is JSON.
        read = msgspec.json.decode(frame.data, type=_Kind)
        kind = read.type or frame.event
        match kind:
            case "error":
                raise event_error(frame.data)
            case None if read.error:
                raise event_error(frame.data)
            case "message_start":
                frame = Frame(self._renamed(frame.data), frame.event)
            case "message_delta":
                self._message_delta(frame.data)
            case "message_stop":
                self._stopped = True
        if frame.event is None and kind in NAMED:
            # Official clients read events by their name.
            frame = Frame(frame.data, kind)
        return sse_bytes(frame)

    def _renamed(self, data: bytes) -> bytes:
        event = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        message = msgspec.json.decode(event.get("message", msgspec.Raw(b"{}")), type=dict[str, msgspec.Raw])
        if "usage" in message:
            self._tap(msgspec.json.decode(message["usage"]))
        message["model"] = msgspec.Raw(msgspec.json.encode(self._model))
        event["message"] = msgspec.Raw(msgspec.json.encode(message))
        return msgspec.json.encode(event)

    def _message_delta(self, data: bytes) -> None:
        event = msgspec.json.decode(data, type=_MessageDelta)
        self._finished = self._finished or event.delta.stop_reason is not None
        self._tap(event.usage)

    def _tap(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self._usage |= {name: value for name, value in usage.items() if value is not None}
            self.usage = parse_usage(self._usage)
