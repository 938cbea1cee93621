"""A stream of generateContent passed on to a caller of it: only the model's name is changed."""

from __future__ import annotations

from typing import Any

import msgspec

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.types.events import Frame
from nova_core.types.usage import Usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.gemini.errors import event_error, render_error
from nova_core.wire.gemini.finish import block_reason
from nova_core.wire.gemini.framing import Framing
from nova_core.wire.gemini.stream import END
from nova_core.wire.gemini.usage import parse_usage

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Candidate(msgspec.Struct, rename="camel"):
    index: int | None = None
    finish_reason: str | None = None


_CANDIDATES = msgspec.json.Decoder(list[_Candidate] | None)


class Relay:
    """Frames as they came, the model renamed, usage and the ends of candidates read on the way."""

    __slots__ = ("_finished", "_framing", "_model", "_seen", "events", "usage")

    def __init__(self, *, model: str, framing: Framing) -> None:
        self._model = msgspec.Raw(msgspec.json.encode(model))
        self._framing = framing
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        self.usage: Usage | None = None
        self.events = 0

    def relay(self, frame: Frame) -> bytes:
        """The frame's bytes. Raises the error that a frame carries, StreamBrokenError for what is no piece."""
        if not frame.data.strip() or frame.data.strip() == END:
            return b""
        try:
            out = self._relayed(frame.data)
        except NOT_JSON as error:
            if frame.data.lstrip()[:1] == b"[":
                raise event_error(frame.data) from error
            raise StreamBrokenError("the upstream sent an event that is not a piece of a reply") from error
        self.events += 1
        return self._framing.piece(out)

    def end(self) -> bytes:
        """Raises StreamBrokenError if the answer was not finished."""
        if not self._seen or self._seen - self._finished:
            raise StreamBrokenError("the upstream's stream ended before its answer did")
        return self._framing.end()

    def fail(self, error: NovaError) -> bytes:
        """An error in place of the next piece."""
        return self._framing.piece(msgspec.json.encode(render_error(error))) + self._framing.end()

    def _relayed(self, data: bytes) -> bytes:
        members = _MEMBERS.decode(data)
        if "error" in members:
            raise event_error(data)
        if "candidates" in members:
            self._look(members["candidates"])
        if "promptFeedback" in members and block_reason(self._decoded(members, "promptFeedback")) is not None:
            self._seen.add(0)
            self._finished.add(0)
        if "usageMetadata" in members:
            self.usage = parse_usage(self._decoded(members, "usageMetadata")) or self.usage
        if members.get("modelVersion", self._model) == self._model:
            return data
        members["modelVersion"] = self._model
        return msgspec.json.encode(members)

    def _look(self, candidates: msgspec.Raw) -> None:
        for place, candidate in enumerate(_CANDIDATES.decode(candidates) or ()):
            index = place if candidate.index is None else candidate.index
            self._seen.add(index)
            if candidate.finish_reason:
                self._finished.add(index)

    @staticmethod
    def _decoded(members: dict[str, msgspec.Raw], name: str) -> Any:
        return msgspec.json.decode(members[name])
