"""Streams of the Messages API into events."""

# https://platform.claude.com/docs/en/build-with-claude/streaming

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from nova_core.errors import StreamBrokenError
from nova_core.types.events import (
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    Frame,
    OpaqueBlock,
    RedactedThinkingBlock,
    SignatureDelta,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
    UsageUpdate,
)
from nova_core.wire.anthropic_messages.content import parse_citation
from nova_core.wire.anthropic_messages.errors import event_error
from nova_core.wire.anthropic_messages.fields import NAME, extra_of
from nova_core.wire.anthropic_messages.reply import MEMBERS, new_call_id, parse_stop_reason
from nova_core.wire.anthropic_messages.usage import SERVICE_TIERS, parse_usage, usage_extra
from nova_core.wire.body import NOT_JSON

Data = dict[str, Any]


@dataclass(slots=True)
class _Block:
    """A block that is being streamed. `raw` is what only this dialect knows of it; `text` joins JSON pieces."""

    place: int
    kind: str
    raw: Data
    text: list[str] = field(default_factory=list)


class Decoder:
    """Frames of one stream into events; block numbers count blocks in order of appearance."""

    __slots__ = ("_blocks", "_count", "_finished", "_stopped", "_told", "_usage")

    def __init__(self) -> None:
        self._blocks: dict[Any, _Block] = {}
        self._count = 0
        self._usage: Data = {}
        self._told: set[str] = set()
        self._finished = False
        self._stopped = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the error of an error event, StreamBrokenError for what is no event."""
        if self._stopped:
            return ()
        data = read_event(frame)
        kind = data.get("type") or frame.event
        if kind == "error" or (kind is None and "error" in data):
            raise event_error(frame.data)
        handle = HANDLERS.get(kind) if isinstance(kind, str) else None
        try:
            return tuple(handle(self, data)) if handle else ()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StreamBrokenError(f"the upstream's {kind} event has not the shape of one") from error

    def end(self) -> tuple[Event, ...]:
        """Raises StreamBrokenError if the answer was not finished."""
        if not self._stopped:
            raise StreamBrokenError("the upstream's stream ended before message_stop")
        if not self._finished:
            raise StreamBrokenError("the upstream's stream stopped without a stop_reason")
        return ()

    def message_start(self, data: Data) -> list[Event]:
        """`message` is the reply so far: empty content, and the usage of the prompt."""
        message = data["message"]
        usage = message.get("usage") or {}
        self._usage = dict(usage)
        tier = usage.get("service_tier")
        events: list[Event] = [
            StreamStart(
                str(message.get("id") or ""),
                str(message.get("model") or ""),
                service_tier=SERVICE_TIERS.get(tier, tier) if isinstance(tier, str) else None,
            )
        ]
        if (counts := parse_usage(usage)) is not None:
            events.append(UsageUpdate(counts))
        extra = {name: value for name, value in message.items() if name not in MEMBERS and value is not None}
        if extra:
            events.append(ExtraDelta({NAME: extra}))
        return events

    def block_start(self, data: Data) -> list[Event]:
        """A block opens with what is known of it."""
        raw = {**data["content_block"]}
        if not (kind := _piece(raw, "type")):
            raise TypeError("a block has a type")
        block = _Block(self._count, kind, raw)
        self._blocks[data.get("index")] = block
        self._count += 1
        place = block.place
        match block.kind:
            case "text":
                cited = (CitationDelta(0, place, parse_citation(item)) for item in raw.get("citations") or ())
                return [TextDelta(0, place, _opening(raw, "text")), *cited]
            case "thinking":
                events: list[Event] = [ThinkingDelta(0, place, _opening(raw, "thinking"))]
                if raw.get("signature"):
                    events.append(SignatureDelta(0, place, _piece(raw, "signature")))
                return events
            case "redacted_thinking":
                return [RedactedThinkingBlock(0, place, _piece(raw, "data"))]
            case "tool_use":
                # `caller: {"type": "direct"}` is the default.
                known = (
                    "type",
                    "id",
                    "name",
                    "input",
                    *(("caller",) if raw.get("caller") == {"type": "direct"} else ()),
                )
                call_id = _opening(raw, "id") or new_call_id()
                return [ToolCallStart(0, place, call_id, _piece(raw, "name"), extra=extra_of(raw, known))]
            case _:
                return []

    def block_delta(self, data: Data) -> list[Event]:
        """More of an open block."""
        block, delta = self._blocks[data.get("index")], data["delta"]
        place = block.place
        match block.kind, delta.get("type"):
            case "text", "text_delta":
                return [TextDelta(0, place, _piece(delta, "text"))]
            case "text", "citations_delta":
                return [CitationDelta(0, place, parse_citation(delta["citation"]))]
            case "thinking", "thinking_delta":
                return [ThinkingDelta(0, place, _piece(delta, "thinking"))]
            case "thinking", "signature_delta":
                return [SignatureDelta(0, place, _piece(delta, "signature"))]
            case "tool_use", "input_json_delta":
                piece = _piece(delta, "partial_json")
                if not piece:
                    return []
                block.text.append(piece)
                return [ToolArgumentsDelta(0, place, piece)]
            case "text" | "thinking" | "redacted_thinking" | "tool_use", _:
                return []
            case _, "input_json_delta":
                block.text.append(_piece(delta, "partial_json"))
            case _:
                _join(block.raw, delta)
        return []

    def block_stop(self, data: Data) -> list[Event]:
        """A block is complete; a tool that was called without arguments gets the empty object."""
        block = self._blocks.pop(data.get("index"))
        stop = BlockStop(0, block.place)
        match block.kind:
            case "tool_use":
                if "".join(block.text).strip():
                    return [stop]
                arguments = msgspec.json.encode(block.raw.get("input") or {}).decode()
                return [ToolArgumentsDelta(0, block.place, arguments), stop]
            case "text" | "thinking" | "redacted_thinking":
                return [stop]
            case _:
                if text := "".join(block.text):
                    block.raw["input"] = _decoded_input(text)
                return [OpaqueBlock(0, block.place, NAME, block.raw), stop]

    def message_delta(self, data: Data) -> list[Event]:
        """The end's reason, and usage, whose counts replace the earlier ones."""
        events: list[Event] = []
        delta = data.get("delta") or {}
        finish, native_finish = parse_stop_reason(delta.get("stop_reason"))
        if finish is not None:
            self._finished = True
            events.append(Finish(0, finish, native_finish, delta.get("stop_sequence")))
        if delta.get("stop_details") is not None:
            events.append(ExtraDelta({NAME: {"stop_details": delta["stop_details"]}}, choice=0))
        known = ("stop_reason", "stop_sequence", "stop_details", "usage")
        extra = {name: value for name, value in delta.items() if name not in known and value is not None}
        self._usage |= {name: value for name, value in (data.get("usage") or {}).items() if value is not None}
        if (counts := parse_usage(self._usage)) is not None:
            events.append(UsageUpdate(counts))
        # Extras are joined where they arrive, so each is told once.
        said = {name: value for name, value in usage_extra(self._usage).items() if name not in self._told}
        if said:
            self._told |= said.keys()
            extra["usage"] = said
        if extra:
            events.append(ExtraDelta({NAME: extra}))
        return events

    def message_stop(self, data: Data) -> list[Event]:
        """The end."""
        self._stopped = True
        return []


HANDLERS: Final[Mapping[str, Callable[[Decoder, Data], list[Event]]]] = {
    "message_start": Decoder.message_start,
    "content_block_start": Decoder.block_start,
    "content_block_delta": Decoder.block_delta,
    "content_block_stop": Decoder.block_stop,
    "message_delta": Decoder.message_delta,
    "message_stop": Decoder.message_stop,
}


def read_event(frame: Frame) -> Data:
    """The JSON object of a frame. Raises StreamBrokenError."""
    try:
        data = msgspec.json.decode(frame.data)
    except NOT_JSON as error:
        raise StreamBrokenError("the upstream sent an event that is not JSON") from error
    if not isinstance(data, dict):
        raise StreamBrokenError("the upstream sent an event that is not a JSON object")
    return data


def _opening(block: Data, name: str) -> str:
    """What a block opens with; usually nothing."""
    return _piece(block, name) if block.get(name) else ""


def _piece(delta: Data, name: str) -> str:
    """A piece of text; null says nothing. Raises TypeError for anything else."""
    value = delta[name]
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value or ""


def _join(raw: Data, delta: Data) -> None:
    """Add a delta that no other dialect knows to its block: text is joined, lists grow, anything else replaces."""
    for name, value in delta.items():
        held = raw.get(name)
        if name == "type":
            continue
        if isinstance(held, str) and isinstance(value, str):
            raw[name] = held + value
        elif isinstance(held, list) and isinstance(value, list):
            raw[name] = [*held, *value]
        else:
            raw[name] = value


def _decoded_input(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except NOT_JSON as error:
        raise StreamBrokenError("the upstream streamed tool input that is not JSON") from error
