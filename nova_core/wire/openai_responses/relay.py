"""Passing a stream on in the same dialect: the model, and the ids of responses, are all that is renamed."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from nova_core.errors import NovaError
from nova_core.types.events import Frame
from nova_core.types.usage import Usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.openai_chat.decoder import broken, parse_chunk
from nova_core.wire.openai_responses.asked import Asked
from nova_core.wire.openai_responses.errors import error_events, response_error
from nova_core.wire.openai_responses.reply import failed
from nova_core.wire.openai_responses.usage import parse_usage
from nova_core.wire.sse import sse_bytes

_ENCODE = msgspec.json.Encoder().encode
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL: Final = msgspec.Raw(b"null")
_FAILED: Final = msgspec.Raw(b'"failed"')
_ENDED: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_ABSENT: Final = msgspec.Raw(b"")


class _Head(msgspec.Struct):
    type: str | None = None
    sequence_number: Any = None
    response: msgspec.Raw = _ABSENT


_HEAD = msgspec.json.Decoder(_Head)


class Relay:
    """Relays one stream. Only events that hold the whole response are written anew."""

    __slots__ = ("_asked", "_done", "_model", "_number", "_response", "events", "usage")

    def __init__(self, *, model: str, asked: Asked) -> None:
        self._model = model
        self._asked = asked
        self._response: dict[str, Any] | None = None
        self._number = -1
        self._done = False
        self.usage: Usage | None = None
        self.events = 0

    def relay(self, frame: Frame) -> bytes:
        """The frame's bytes, b"" for frames to leave out. Raises like a decoder."""
        data = frame.data
        if self._done or not data or data.isspace() or data.strip() == b"[DONE]":
            return b""
        try:
            head = _HEAD.decode(data)
        except NOT_JSON as error:
            raise broken("holds a frame that is not an event") from error
        kind = head.type or frame.event
        if kind == "error" or (kind is None and head.response == _ABSENT):
            event = parse_chunk(data)
            raise response_error(event.get("error") or event)
        passed = sse_bytes(frame) if head.response == _ABSENT else self._with_response(frame, kind or "", head.response)
        number = head.sequence_number
        self._number = max(self._number, number) if isinstance(number, int) else self._number + 1
        self.events += 1
        return passed

    def end(self) -> bytes:
        """Nothing is missing. Raises StreamBrokenError if the response was not finished."""
        if not self._done:
            raise broken("ended before the response was finished")
        return b""

    def fail(self, error: NovaError) -> bytes:
        """The response as failed, and an error event."""
        response = None if self._response is None else failed(self._response, error)
        return error_events(error, response, self._number + 1)

    def _with_response(self, frame: Frame, kind: str, raw: msgspec.Raw) -> bytes:
        try:
            response = _MEMBERS.decode(raw)
            event = _MEMBERS.decode(frame.data)
            self._response = dict(renamed(response, model=self._model, asked=self._asked))
            if kind in _ENDED:
                self._end(response)
        except NOT_JSON as error:
            raise broken("holds an event whose response cannot be read") from error
        return sse_bytes(Frame(_ENCODE({**event, "response": self._response}), frame.event))

    def _end(self, response: dict[str, msgspec.Raw]) -> None:
        usage, tier = (msgspec.json.decode(response.get(name, _NULL)) for name in ("usage", "service_tier"))
        self.usage = parse_usage(usage, tier) or self.usage
        error = msgspec.json.decode(response.get("error", _NULL))
        if error or response.get("status") == _FAILED:
            raise response_error(error or {})
        self._done = True


def renamed(response: dict[str, msgspec.Raw], *, model: str, asked: Asked) -> dict[str, Any]:
    """A vendor's response under the caller's name of the model, and with ids that lead back to the vendor."""
    changes: dict[str, Any] = {}
    if "model" in response:
        changes["model"] = model
    if response.get("id", _NULL) != _NULL:
        changes["id"] = asked.known_as(msgspec.json.decode(response["id"], type=str))
    if asked.previous is not None or response.get("previous_response_id", _NULL) != _NULL:
        changes["previous_response_id"] = asked.previous
    return {**response, **changes}
