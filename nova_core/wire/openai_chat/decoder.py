"""Stream frames into events (OpenAI API reference, "The chat completion chunk object", and what vendors make of it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import StreamBrokenError
from nova_core.types.events import (
    Event,
    ExtraDelta,
    Frame,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
)
from nova_core.wire.body import NOT_JSON
from nova_core.wire.openai_chat.choice_decoder import ChoiceDecoder
from nova_core.wire.openai_chat.errors import stream_error
from nova_core.wire.openai_chat.fields import NAME
from nova_core.wire.openai_chat.usage import extra_usage, parse_usage

_KNOWN = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "obfuscation"}
)
_FRAME = msgspec.json.Decoder()


class _PlainDelta(msgspec.Struct, forbid_unknown_fields=True):
    content: str | None = None
    reasoning_content: str | None = None
    role: str | None = None
    refusal: None = None


class _PlainChoice(msgspec.Struct, forbid_unknown_fields=True):
    index: int
    delta: _PlainDelta
    logprobs: None = None
    finish_reason: None = None


class _PlainChunk(msgspec.Struct, forbid_unknown_fields=True):
    """A chunk of text and nothing else, as nearly all are."""

    choices: list[_PlainChoice]
    id: Any = None
    object: Any = None
    created: Any = None
    model: Any = None
    system_fingerprint: Any = None
    service_tier: Any = None
    obfuscation: Any = None
    usage: None = None


_PLAIN = msgspec.json.Decoder(_PlainChunk)


def broken(reason: str) -> StreamBrokenError:
    """The error of a stream that did not end well."""
    return StreamBrokenError(f"the upstream's stream {reason}")


class ChatDecoder:
    """Decodes one stream. Blocks are numbered in the order in which a choice's parts begin."""

    __slots__ = ("_choices", "_dialect", "_done", "_extra", "_is_plain", "_started")

    def __init__(self, dialect: str = NAME) -> None:
        self._dialect = dialect
        self._choices: dict[int, ChoiceDecoder] = {}
        self._extra: dict[str, Any] = {}
        self._started = False
        self._done = False
        self._is_plain = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the error a frame carries, StreamBrokenError for garbage."""
        if self._is_plain and (said := self._plain(frame)) is not None:
            return said
        data = frame.data.strip()
        if self._done or not data:
            return ()
        if data == b"[DONE]":
            self._done = True
            return ()
        chunk = parse_chunk(data)
        if carries_error(chunk, frame):
            raise stream_error(data)
        choices = chunk.get("choices")
        events: list[Event] = []
        if not self._started and (chunk.get("id") or choices or chunk.get("usage")):
            self._started = True
            events.append(_start(chunk))
        if self._started and choices is not None:
            events.extend(self._extras(chunk))
        for place, choice in enumerate(choices if isinstance(choices, list) else ()):
            if not isinstance(choice, dict):
                raise broken("holds a choice that is not an object")
            index = choice.get("index")
            index = index if isinstance(index, int) else place
            if index not in self._choices:
                self._choices[index] = ChoiceDecoder(index, self._dialect)
            self._choices[index].decode(self.choice_of(choice), events)
        usage = parse_usage(chunk.get("usage"), chunk.get("service_tier"))
        if usage is not None:
            if more := extra_usage(chunk["usage"]):
                events.append(ExtraDelta({self._dialect: {"usage": more}}))
            events.append(UsageUpdate(usage))
        # What a stream says now it mostly goes on to say.
        self._is_plain = len(events) == 1 and isinstance(events[0], TextDelta | ThinkingDelta)
        return tuple(events)

    def _plain(self, frame: Frame) -> tuple[Event, ...] | None:
        """Events of a chunk of text and nothing else; None for any other frame."""
        try:
            choices = _PLAIN.decode(frame.data).choices
        except NOT_JSON:
            self._is_plain = False
            return None
        if self._done or frame.event == "error" or len(choices) != 1 or choices[0].index not in self._choices:
            return None
        delta = choices[0].delta
        return self._choices[choices[0].index].text(delta.reasoning_content, delta.content)

    def end(self) -> tuple[Event, ...]:
        """Raises StreamBrokenError unless every choice came to its finish reason."""
        if not self._choices or not all(choice.finished for choice in self._choices.values()):
            raise broken("ended before the answer was finished")
        return ()

    def choice_of(self, choice: dict[str, Any]) -> dict[str, Any]:
        """A chunk's choice in the form that chat has; for formats that differ only here."""
        return choice

    def _extras(self, chunk: Mapping[str, Any]) -> list[Event]:
        # Vendors repeat their members in every chunk: only what changed is worth an event.
        found = {name: value for name, value in chunk.items() if name not in _KNOWN and value not in (None, [], {})}
        changed = {name: value for name, value in found.items() if self._extra.get(name) != value}
        self._extra |= changed
        return [ExtraDelta({self._dialect: changed})] if changed else []


def parse_chunk(data: bytes) -> dict[str, Any]:
    """A chunk's JSON object. Raises StreamBrokenError."""
    try:
        chunk = _FRAME.decode(data)
    except NOT_JSON as error:
        raise broken("holds a frame that is not JSON") from error
    if not isinstance(chunk, dict):
        raise broken("holds a frame that is not an object")
    return chunk


def carries_error(chunk: Mapping[str, Any], frame: Frame) -> bool:
    """Whether this is an error in place of a chunk: an `error` member, `object: error`, or an `error` event."""
    return bool(chunk.get("error")) or frame.event == "error" or chunk.get("object") == "error"


def _start(chunk: Mapping[str, Any]) -> StreamStart:
    def text(name: str) -> str | None:
        value = chunk.get(name)
        return value if isinstance(value, str) else None

    created = chunk.get("created")
    return StreamStart(
        id=text("id") or "",
        model=text("model") or "",
        created=int(created) if isinstance(created, int | float) else None,
        service_tier=text("service_tier"),
        fingerprint=text("system_fingerprint"),
    )
