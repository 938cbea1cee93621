"""Events into the stream of a Messages API caller."""

# Order of events: https://platform.claude.com/docs/en/build-with-claude/streaming

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.types.chat import Opaque
from nova_core.types.events import (
    AudioDelta,
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    Frame,
    OpaqueBlock,
    RedactedThinkingBlock,
    RefusalDelta,
    SignatureDelta,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
    UsageUpdate,
)
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages.drawn import drawn_block, listed_blocks
from nova_core.wire.anthropic_messages.errors import render_error
from nova_core.wire.anthropic_messages.fields import NAME, native
from nova_core.wire.anthropic_messages.reply import new_id, render_citation, render_stop_reason
from nova_core.wire.anthropic_messages.usage import render_usage
from nova_core.wire.in_turn import BlockPiece, InTurn
from nova_core.wire.sse import sse_bytes

Block = dict[str, Any]
TEXT: Final[Block] = {"type": "text", "text": ""}
THINKING: Final[Block] = {"type": "thinking", "thinking": "", "signature": ""}

LISTED: Final = -1
"""The place of images that stand in no block of the answer they came with."""
TEXT_DELTA: Final = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"text_delta","text":%b}}\n\n'
)


def event_bytes(kind: str, data: dict[str, Any]) -> bytes:
    """One named event; its data repeats the name as `type`."""
    return sse_bytes(Frame(msgspec.json.encode({"type": kind, **data}), kind))


@dataclass(slots=True)
class _Open:
    """The block that is being written: its number in the events, its index on the wire, its type."""

    place: int
    index: int
    kind: str


class Encoder:
    """Events of the first answer into named events, one block at a time.

    On this wire blocks follow each other, while events may interleave them (parallel tool calls).
    """

    __slots__ = (
        "_delta", "_finish", "_id", "_index", "_model", "_open", "_out", "_refused", "_said", "_started", "_tier",
        "_tools", "_turns", "_usage",
    )  # fmt: skip

    def __init__(self, *, model: str) -> None:
        self._model = model
        self._id = ""
        self._tier: str | None = None
        self._started = False
        self._usage: Usage | None = None
        self._said: dict[str, Any] = {}
        self._delta: dict[str, Any] = {}
        self._finish: Finish | None = None
        self._refused = False
        self._open: _Open | None = None
        self._index = 0
        self._tools: set[int] = set()
        self._turns: InTurn[BlockPiece] = InTurn()
        self._out: list[bytes] = []

    def encode(self, events: tuple[Event, ...]) -> bytes:
        """The bytes of these events; may be empty."""
        if len(events) == 1 and isinstance(events[0], TextDelta) and (more := self._more_text(events[0])):
            return more
        for event in events:
            self._take(event)
        if events and not self._started:
            self._start()
        return self._taken()

    def _more_text(self, event: TextDelta) -> bytes:
        """The delta of text that continues the open block; b"" where there is more to say."""
        block = self._open
        if block is None or block.kind != "text" or block.place != event.block or event.choice or not event.text:
            return b""
        return TEXT_DELTA % (block.index, msgspec.json.encode(event.text))

    def end(self) -> bytes:
        """The reason of the end with the usage, and message_stop; a broken end when there was no reason."""
        if self._finish is None:
            return self._taken() + self.fail(StreamBrokenError("the answer stopped without a finish reason"))
        self._flush()
        self._start()
        finish = self._finish
        reason = "refusal" if self._refused and finish.reason == "stop" else finish.reason
        delta = {
            "stop_reason": render_stop_reason(reason, finish.native, finish.stop_sequence),
            "stop_sequence": finish.stop_sequence,
        }
        usage = render_usage(self._usage, extra=self._said)
        self._write("message_delta", {"delta": delta | self._delta, "usage": usage})
        self._write("message_stop", {})
        return self._taken()

    def fail(self, error: NovaError) -> bytes:
        """An error event."""
        return event_bytes("error", render_error(error))

    def _taken(self) -> bytes:
        out, self._out = b"".join(self._out), []
        return out

    def _write(self, kind: str, data: dict[str, Any]) -> None:
        self._out.append(event_bytes(kind, data))

    def _take(self, event: Event) -> None:
        match event:
            case StreamStart():
                self._id, self._tier = event.id, event.service_tier
            case UsageUpdate():
                self._usage = event.usage
            case ExtraDelta():
                self._extra(event)
            case Finish():
                if event.choice == 0:
                    self._finish = event
                    self._flush()
            case BlockStop():
                if event.choice == 0:
                    self._block_event(event)
            case _ if isinstance(event, BlockPiece) and event.choice == 0:
                self._start()
                self._block_event(event)

    def _extra(self, event: ExtraDelta) -> None:
        own = dict(event.extra.get(NAME, {}))
        usage = own.pop("usage", None)
        if isinstance(usage, Mapping):
            self._said |= usage
        self._delta |= own
        message = {name: members.get("message", {}) for name, members in event.extra.items()}
        for block in listed_blocks(message):
            if block is not None:
                self._start()
                self._block_event(OpaqueBlock(0, LISTED, NAME, block))

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        message: dict[str, Any] = {
            "id": self._id or new_id(),
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": render_usage(self._usage, service_tier=self._tier, extra=self._said),
        }
        self._write("message_start", {"message": message})

    def _block_event(self, event: BlockPiece) -> None:
        for each in self._turns.take(event, event):
            self._say(each)

    def _flush(self) -> None:
        """Nothing more will come: say what was held back, and close the open block."""
        for each in self._turns.rest():
            self._say(each)
        self._close()

    def _say(self, event: BlockPiece) -> None:
        match event:
            case BlockStop():
                if self._open is not None and self._open.place == event.block:
                    self._close()
            case RedactedThinkingBlock():
                self._whole(event.block, {"type": "redacted_thinking", "data": event.data})
            case OpaqueBlock():
                if event.dialect == NAME:
                    self._whole(event.block, dict(event.raw))
                elif (drawn := drawn_block(Opaque(event.dialect, event.raw))) is not None:
                    self._whole(event.block, drawn)
            case ToolCallStart():
                self._tools.add(event.block)
                block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
                self._begin(event.block, "tool_use", block | native(event.extra))
            case ToolArgumentsDelta():
                # Only white space can follow arguments that are complete, and nothing can be added to a closed block.
                if self._open is not None and self._open.place == event.block:
                    self._delta_event({"type": "input_json_delta", "partial_json": event.arguments})
            case _:
                self._say_delta(event)

    def _say_delta(self, event: BlockPiece) -> None:
        for kind, delta in _deltas(event):
            if self._open is None or self._open.place != event.block or self._open.kind != kind:
                self._begin(event.block, kind, TEXT if kind == "text" else THINKING)
            self._delta_event(delta)
        self._refused = self._refused or isinstance(event, RefusalDelta)

    def _begin(self, place: int, kind: str, block: Block) -> None:
        self._close()
        self._open = _Open(place, self._index, kind)
        self._index += 1
        self._write("content_block_start", {"index": self._open.index, "content_block": block})

    def _whole(self, place: int, block: Block) -> None:
        self._begin(place, block["type"], block)
        self._close()

    def _delta_event(self, delta: Block) -> None:
        if self._open is not None:
            self._write("content_block_delta", {"index": self._open.index, "delta": delta})

    def _close(self) -> None:
        if self._open is not None:
            self._write("content_block_stop", {"index": self._open.index})
            self._open = None


def _deltas(event: BlockPiece) -> Iterator[tuple[str, Block]]:
    """The kind of block and the delta of an event that adds to one; nothing for empty text."""
    match event:
        case TextDelta() | RefusalDelta() if event.text:
            yield "text", {"type": "text_delta", "text": event.text}
        case AudioDelta() if event.transcript:
            yield "text", {"type": "text_delta", "text": event.transcript}
        case CitationDelta():
            yield "text", {"type": "citations_delta", "citation": render_citation(event.citation)}
        case ThinkingDelta() if event.text:
            yield "thinking", {"type": "thinking_delta", "thinking": event.text}
        case SignatureDelta():
            yield "thinking", {"type": "signature_delta", "signature": event.signature}
