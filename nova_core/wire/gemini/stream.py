"""Streams of generateContent into events: each frame is a piece of a reply."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import BadRequestError, StreamBrokenError
from nova_core.types.chat import Audio, File, Image, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from nova_core.types.events import (
    AudioDelta,
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    Frame,
    LogprobsDelta,
    OpaqueBlock,
    SignatureDelta,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
    UsageUpdate,
)
from nova_core.wire.body import NOT_JSON
from nova_core.wire.gemini.cited import citations_of
from nova_core.wire.gemini.errors import event_error
from nova_core.wire.gemini.fields import NAME, canonical
from nova_core.wire.gemini.finish import block_reason, parse_finish
from nova_core.wire.gemini.logprobs import parse_logprobs
from nova_core.wire.gemini.partial_calls import PartialCall
from nova_core.wire.gemini.parts import parse_part
from nova_core.wire.gemini.reply import ReplyIds, candidate_extra, top_extra
from nova_core.wire.gemini.usage import parse_usage

Data = dict[str, Any]
TEXT, THOUGHT, AUDIO, WHOLE = "text", "thought", "audio", "whole"
PLAIN: Final = frozenset({"content", "index"})
"""What a candidate has in the midst of a text."""


class Decoder:
    """Frames of one stream into events. Text and thoughts that follow each other are one block."""

    __slots__ = ("_blocked", "_candidates", "_ids", "_started", "_told", "_usage")

    def __init__(self) -> None:
        self._candidates: dict[int, _Candidate] = {}
        self._ids = ReplyIds()
        self._started = False
        self._blocked = False
        self._usage: Any = None
        self._told: set[str] = set()

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the error that a frame carries, StreamBrokenError for what is no piece."""
        data = read_frame(frame)
        if data is None:
            return ()
        if "error" in data or frame.event == "error":
            raise event_error(frame.data)
        try:
            return tuple(self._events(data))
        except (KeyError, TypeError, ValueError, AttributeError, BadRequestError) as error:
            raise StreamBrokenError("the upstream's event has not the shape of a piece of a reply") from error

    def end(self) -> tuple[Event, ...]:
        """Raises StreamBrokenError if the answer was not finished."""
        unfinished = [candidate for candidate in self._candidates.values() if not candidate.finished]
        if unfinished or not (self._candidates or self._blocked):
            raise StreamBrokenError("the upstream's stream ended before its answer did")
        return ()

    def _events(self, data: Data) -> list[Event]:
        events: list[Event] = []
        if not self._started:
            self._started = True
            events.append(StreamStart(str(data.get("responseId") or ""), str(data.get("modelVersion") or "")))
        for place, value in enumerate(data.get("candidates") or ()):
            raw = canonical(value, "candidates")
            index = raw.get("index")
            index = index if isinstance(index, int) else place
            events += self._candidates.setdefault(index, _Candidate(index, self._ids)).take(raw)
        blocked = block_reason(data.get("promptFeedback"))
        if blocked is not None and not self._candidates:
            self._blocked = True
            events.append(Finish(0, "content_filter", blocked))
        events += self._about(data)
        return events

    def _about(self, data: Data) -> list[Event]:
        """Usage, which is stated again and again, and what only this dialect has, told once."""
        events: list[Event] = []
        usage = data.get("usageMetadata")
        if usage != self._usage and (counts := parse_usage(usage)) is not None:
            self._usage = usage
            events.append(UsageUpdate(counts))
        extra = top_extra(data).get(NAME, {})
        new = {name: value for name, value in extra.items() if name not in self._told}
        if "usage" in new and not any(isinstance(event, UsageUpdate) for event in events):
            del new["usage"]
        if new:
            self._told |= new.keys()
            events.append(ExtraDelta({NAME: new}))
        return events


class _Candidate:
    """One candidate: its open block, and what must be told at its end."""

    __slots__ = (
        "_block",
        "_called",
        "_cited",
        "_ids",
        "_index",
        "_kind",
        "_partial",
        "_rest",
        "_text_block",
        "finished",
    )

    def __init__(self, index: int, ids: ReplyIds) -> None:
        self._index = index
        self._ids = ids
        self._block = -1
        self._kind: str | None = None
        self._text_block: int | None = None
        self._called = False
        self._cited = 0
        self._rest = b""
        self._partial = PartialCall()
        self.finished = False

    def take(self, raw: Data) -> list[Event]:
        """Events of one piece of this candidate."""
        if (text := self._more_text(raw)) is not None:
            return [TextDelta(self._index, self._block, text)]
        events: list[Event] = []
        content = raw.get("content")
        for item in (content.get("parts") or ()) if isinstance(content, Mapping) else ():
            for whole in self._partial.take(item):
                events += self._piece(whole)
        cited = citations_of(raw)
        if self._text_block is not None:
            events += [CitationDelta(self._index, self._text_block, found) for found in cited[self._cited :]]
            self._cited = max(self._cited, len(cited))
        if (logprobs := parse_logprobs(raw.get("logprobsResult"))) is not None:
            events.append(LogprobsDelta(self._index, logprobs))
        if extra := candidate_extra(raw):
            events.append(ExtraDelta(extra, self._index))
        reason, native = parse_finish(raw.get("finishReason"), called=self._called)
        if reason is not None and not self.finished:
            self.finished = True
            events += [*self._close(), Finish(self._index, reason, native)]
        return events

    def _more_text(self, raw: Data) -> str | None:
        """What a piece says that only goes on with the open text, as nearly all do; None for any other."""
        content = raw.get("content")
        if self._kind != TEXT or self.finished or raw.keys() - PLAIN or type(content) is not dict:
            return None
        parts = content.get("parts")
        if type(parts) is not list or len(parts) != 1 or type(parts[0]) is not dict or len(parts[0]) != 1:
            return None
        text = parts[0].get("text")
        return text if isinstance(text, str) else None

    def _piece(self, raw: Data) -> list[Event]:
        events: list[Event] = []
        for part in parse_part(raw, "part", self._ids):
            events += self._part(part, raw)
        return events

    def _part(self, part: Part, raw: Data) -> list[Event]:
        match part:
            case Thinking() if raw.get("thought"):
                opened = self._open(THOUGHT)
                said: list[Event] = [ThinkingDelta(self._index, self._block, part.text)] if part.text else []
                signed = [SignatureDelta(self._index, self._block, part.signature)] if part.signature else []
                return [*opened, *said, *signed]
            case Thinking(signature=str(signature)):
                return [*self._open(WHOLE), SignatureDelta(self._index, self._block, signature)]
            case Text():
                opened = self._open(TEXT)
                self._text_block = self._block
                return [*opened, TextDelta(self._index, self._block, part.text)]
            case ToolCall():
                self._called = True
                opened = self._open(WHOLE)
                start = ToolCallStart(self._index, self._block, part.id, part.name, extra=part.extra)
                return [*opened, start, ToolArgumentsDelta(self._index, self._block, part.arguments)]
            case Audio(source=source) if source.data is not None:
                opened = self._open(AUDIO)
                return [*opened, AudioDelta(self._index, self._block, data=self._joinable(source.data))]
            case Opaque() | Image() | File() | ToolResult() | Audio():
                whole = part.raw if isinstance(part, Opaque) else dict(raw)
                return [*self._open(WHOLE), OpaqueBlock(self._index, self._block, NAME, whole)]
            case _:
                return []

    def _open(self, kind: str) -> list[Event]:
        """Begin a block, unless the open one goes on."""
        if kind == self._kind and kind != WHOLE:
            return []
        closed = self._close()
        self._kind = kind
        self._block += 1
        return closed

    def _close(self) -> list[Event]:
        events: list[Event] = []
        if self._rest:
            events.append(AudioDelta(self._index, self._block, data=base64.b64encode(self._rest).decode()))
            self._rest = b""
        if self._kind is not None:
            events.append(BlockStop(self._index, self._block))
        self._kind = None
        return events

    def _joinable(self, data: str) -> str:
        """Base64 that can be joined with what follows: whole groups of three bytes, the rest is held back."""
        try:
            raw = self._rest + base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise StreamBrokenError("the upstream streamed audio that is not base64") from error
        whole = len(raw) // 3 * 3
        self._rest = raw[whole:]
        return base64.b64encode(raw[:whole]).decode()


END: Final = b"[DONE]"


def read_frame(frame: Frame) -> Data | None:
    """The JSON object of a frame, None for the end marker of OpenAI's streams. Raises StreamBrokenError."""
    if frame.data.strip() == END:
        return None
    try:
        data = msgspec.json.decode(frame.data)
    except NOT_JSON as error:
        raise StreamBrokenError("the upstream sent an event that is not JSON") from error
    if isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict) and "error" in data[0]:
        data = data[0]
    if not isinstance(data, dict):
        raise StreamBrokenError("the upstream sent an event that is not a JSON object")
    return data
