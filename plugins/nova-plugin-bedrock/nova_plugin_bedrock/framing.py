"""Claude's own events inside of binary messages."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html

from __future__ import annotations

import base64

import msgspec

from nova_core.errors import StreamBrokenError
from nova_core.types.events import Frame
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.body import NOT_JSON
from nova_core.wire.event_stream import EXCEPTION, EventStream
from nova_core.wire.sigv4.errors import exception


class InvokedStream(EventStream):
    """Claude's own events, each in base64 within a `chunk`."""

    def frame(self, headers: dict[str, str], payload: bytes) -> Frame:
        """The event within, by its name; an exception as an error event. Raises StreamBrokenError for other chunks."""
        outer = super().frame(headers, payload)
        if (outer.event or "").startswith(EXCEPTION):
            error = exception((outer.event or "").removeprefix(EXCEPTION), outer.data)
            return Frame(msgspec.json.encode(ANTHROPIC_MESSAGES.render_error(error)), "error")
        try:
            data = base64.b64decode(msgspec.json.decode(outer.data)["bytes"], validate=True)
            return Frame(data, msgspec.json.decode(data)["type"])
        except (*NOT_JSON, KeyError, TypeError, ValueError) as error:
            raise StreamBrokenError("the upstream's chunk cannot be read") from error
