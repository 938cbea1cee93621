"""Claude's own events inside of binary messages."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec

from nova_core.errors import StreamBrokenError
from nova_core.types.events import Frame
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.body import NOT_JSON
from nova_core.wire.event_stream import EXCEPTION, EventStream
from nova_core.wire.sigv4.errors import exception

UNREADABLE: Final = "the upstream's chunk cannot be read"


class InvokedStream(EventStream):
    """Claude's own events, each in base64 within a `chunk`."""

    def frame(self, headers: dict[str, str], payload: bytes) -> Frame:
        """The event within, by its name; an exception as an error event. Raises StreamBrokenError for other chunks."""
        outer = super().frame(headers, payload)
        if (outer.event or "").startswith(EXCEPTION):
            error = exception((outer.event or "").removeprefix(EXCEPTION), outer.data)
            return Frame(msgspec.json.encode(ANTHROPIC_MESSAGES.render_error(error)), "error")
        data, event = chunk_in(outer)
        if "type" not in event:
            raise StreamBrokenError(UNREADABLE)
        return Frame(data, event["type"])


def chunk_in(frame: Frame) -> tuple[bytes, dict[str, Any]]:
    """The bytes that a `chunk` holds, and the object that they are. Raises StreamBrokenError for other messages."""
    try:
        data = base64.b64decode(msgspec.json.decode(frame.data)["bytes"], validate=True)
        return data, msgspec.json.decode(data, type=dict[str, Any])
    except (*NOT_JSON, KeyError, TypeError, ValueError) as error:
        raise StreamBrokenError(UNREADABLE) from error
