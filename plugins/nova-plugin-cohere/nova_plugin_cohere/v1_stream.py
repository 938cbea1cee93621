"""Streams of `/v1/chat` into events."""

# https://docs.cohere.com/reference/chat-stream-v1

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import uuid4

from nova_core.errors import BadGatewayError, StreamBrokenError
from nova_core.types.events import (
    CitationDelta,
    Event,
    Finish,
    Frame,
    StreamStart,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallStart,
    UsageUpdate,
)
from nova_core.wire.enveloped import call_id
from nova_plugin_cohere.reply import FAILED, UNREADABLE, Data
from nova_plugin_cohere.stream import event_in
from nova_plugin_cohere.v1_reply import citations, documents_in, finish_of, tool_calls, usage_in

TEXT = 0
"""The block of the text; calls follow it."""


class Decoder:
    """Events of one stream. Calls come in pieces, then whole; of what came in pieces the whole says nothing new."""

    __slots__ = ("_called", "_documents", "_finished", "_seed", "_started", "_wrote")

    def __init__(self) -> None:
        self._seed = uuid4().hex
        self._called: set[int] = set()
        self._documents: dict[str, Data] = {}
        self._started = False
        self._finished = False
        self._wrote = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the error that it carries, StreamBrokenError for what is no event."""
        if self._finished:
            return ()
        kind, data = event_in(frame, "event_type")
        if not self._started and kind != "stream-start":
            raise StreamBrokenError("the upstream's stream does not begin with its start")
        read = READERS.get(kind)
        try:
            return tuple(read(self, data)) if read is not None else ()
        except UNREADABLE as error:
            raise StreamBrokenError(f"the upstream's event `{kind[:40]}` has not the shape of one") from error

    def end(self) -> tuple[Event, ...]:
        """Raises StreamBrokenError if the answer was not finished."""
        if not self._finished:
            raise StreamBrokenError("the upstream's stream ended before its answer did")
        return ()

    def _start(self, data: Data) -> list[Event]:
        if self._started:
            raise StreamBrokenError("the upstream's stream starts a second answer")
        self._started = True
        return [StreamStart(str(data.get("generation_id") or ""), "")]

    def _text(self, data: Data) -> list[Event]:
        if not isinstance(data["text"], str):
            raise TypeError("text is expected")
        self._wrote = self._wrote or bool(data["text"])
        return [TextDelta(0, TEXT, data["text"])] if data["text"] else []

    def _found(self, data: Data) -> list[Event]:
        self._documents |= documents_in(data)
        return []

    def _cited(self, data: Data) -> list[Event]:
        return [CitationDelta(0, TEXT, each) for each in citations(data["citations"], self._documents)]

    def _call_piece(self, data: Data) -> list[Event]:
        piece = data["tool_call_delta"]
        if piece.get("index") is None:
            return self._text({"text": piece.get("text") or data.get("text") or ""})
        place = int(piece["index"])
        events: list[Event] = []
        if place not in self._called:
            events.append(self._call_start(place, str(piece["name"])))
        if arguments := piece.get("parameters"):
            if not isinstance(arguments, str):
                raise TypeError("the text of arguments is expected")
            events.append(ToolArgumentsDelta(0, TEXT + 1 + place, arguments))
        return events

    def _calls(self, data: Data) -> list[Event]:
        events = [] if self._wrote else self._text({"text": data.get("text") or ""})
        for place, call in enumerate(tool_calls(data.get("tool_calls"), self._seed)):
            if place not in self._called:
                events.append(self._call_start(place, call.name))
                events.append(ToolArgumentsDelta(0, TEXT + 1 + place, call.arguments))
        return events

    def _call_start(self, place: int, name: str) -> Event:
        self._called.add(place)
        return ToolCallStart(0, TEXT + 1 + place, call_id(self._seed, place), name)

    def _end(self, data: Data) -> list[Event]:
        word, whole = data["finish_reason"], data.get("response") or {}
        if word in FAILED:
            raise BadGatewayError(f"the upstream ended its answer with {word}")
        events = self._calls(whole)
        reason, native = finish_of(word, called=bool(self._called))
        if reason is None:
            raise TypeError("a finish reason is expected")
        self._finished = True
        usage = usage_in(whole)
        return [*events, Finish(0, reason, native), *([UsageUpdate(usage)] if usage is not None else [])]


READERS: Mapping[str, Callable[[Decoder, Data], list[Event]]] = {
    "stream-start": Decoder._start,
    "text-generation": Decoder._text,
    "search-results": Decoder._found,
    "citation-generation": Decoder._cited,
    "tool-calls-chunk": Decoder._call_piece,
    "tool-calls-generation": Decoder._calls,
    "stream-end": Decoder._end,
}
