"""Streams of ConverseStream into events."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from nova_core.wire.body import NOT_JSON
from nova_core.wire.event_stream import EXCEPTION
from nova_core.wire.sigv4.errors import exception
from nova_plugin_bedrock.held import add_piece, whole_block
from nova_plugin_bedrock.notes import NAME
from nova_plugin_bedrock.reply import new_id, own_extra, parse_citation, parse_finish, parse_usage, tier_of

Data = dict[str, Any]


class Decoder:
    """Frames of one stream into events; block numbers count blocks in order of appearance."""

    __slots__ = ("_blocks", "_finished", "_held", "_silent")

    def __init__(self) -> None:
        self._blocks: dict[int, int] = {}
        self._silent: set[int] = set()
        self._held: dict[int, Data] = {}
        self._finished = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the error of an exception, StreamBrokenError for what is no event."""
        name = frame.event or ""
        if name.startswith(EXCEPTION):
            raise exception(name.removeprefix(EXCEPTION), frame.data)
        handle = HANDLERS.get(name)
        if handle is None:
            return ()
        try:
            return tuple(handle(self, msgspec.json.decode(frame.data, type=Data)))
        except (*NOT_JSON, KeyError, TypeError, ValueError, AttributeError) as error:
            raise StreamBrokenError(f"the upstream's {name} event has not the shape of one") from error

    def end(self) -> tuple[Event, ...]:
        """Raises StreamBrokenError if the answer was not finished."""
        if not self._finished:
            raise StreamBrokenError("the upstream's stream ended before its answer did")
        return ()

    def message_start(self, data: Data) -> list[Event]:
        """The vendor names neither the answer nor the model."""
        return [StreamStart(new_id(), "")]

    def block_start(self, data: Data) -> list[Event]:
        """Calls of tools begin so; other blocks begin with their first piece, or are held until they are whole."""
        block, start = self._block(data), data.get("start") or {}
        match start:
            case {"toolUse": {"type": str()}}:
                self._held[block] = dict(start)
                return []
            case {"toolUse": {"toolUseId": str(call_id), "name": str(name)}}:
                self._silent.add(block)
                return [ToolCallStart(0, block, call_id, name)]
            case {"toolUse": _}:
                raise TypeError("a call of a tool has an id and a name")
            case {} if not start:
                return []
            case {}:
                self._held[block] = dict(start)
                return []
            case _:
                raise TypeError("a block starts with an object")

    def block_delta(self, data: Data) -> list[Event]:
        """A piece of a block."""
        block, delta = self._block(data), data["delta"]
        if block in self._held:
            add_piece(self._held[block], delta)
            return []
        match delta:
            case {"text": str(text)}:
                return [TextDelta(0, block, text)]
            case {"toolUse": {"input": str(arguments)}}:
                if not arguments:
                    return []
                self._silent.discard(block)
                return [ToolArgumentsDelta(0, block, arguments)]
            case {"reasoningContent": thought}:
                return _thought(block, thought)
            case {"citation": raw}:
                return [CitationDelta(0, block, parse_citation(raw))]
            case {"image": _}:
                add_piece(self._held.setdefault(block, {}), delta)
        return []

    def block_stop(self, data: Data) -> list[Event]:
        """The end of a block; a call without arguments has none."""
        block = self._block(data)
        if (held := self._held.pop(block, None)) is not None:
            return [OpaqueBlock(0, block, NAME, whole_block(held)), BlockStop(0, block)]
        if block not in self._silent:
            return [BlockStop(0, block)]
        self._silent.discard(block)
        return [ToolArgumentsDelta(0, block, "{}"), BlockStop(0, block)]

    def message_stop(self, data: Data) -> list[Event]:
        """The reason of the end."""
        reason, native = parse_finish(data["stopReason"])
        if reason is None:
            raise ValueError("stopReason")
        self._finished = True
        left = [OpaqueBlock(0, block, NAME, whole_block(held)) for block, held in self._held.items()]
        extra = own_extra(data)
        return [*left, Finish(0, reason, native), *([ExtraDelta(extra)] if extra else [])]

    def metadata(self, data: Data) -> list[Event]:
        """Usage, and what only this dialect knows."""
        tier, extra = tier_of(data), dict(own_extra(data))
        usage = parse_usage(data.get("usage"), tier)
        if tier is not None:
            extra[NAME] = {**extra.get(NAME, {}), "serviceTier": {"type": tier}}
        said: list[Event] = [UsageUpdate(usage)] if usage is not None else []
        return [*said, *([ExtraDelta(extra)] if extra else [])]

    def _block(self, data: Data) -> int:
        return self._blocks.setdefault(int(data["contentBlockIndex"]), len(self._blocks))


def _thought(block: int, thought: Mapping[str, Any]) -> list[Event]:
    match thought:
        case {"text": str(text)}:
            return [ThinkingDelta(0, block, text)]
        case {"signature": str(signature)}:
            return [SignatureDelta(0, block, signature)]
        case {"redactedContent": str(data)}:
            return [RedactedThinkingBlock(0, block, data)]
    return []


HANDLERS: Final[Mapping[str, Callable[[Decoder, Data], list[Event]]]] = {
    "messageStart": Decoder.message_start,
    "contentBlockStart": Decoder.block_start,
    "contentBlockDelta": Decoder.block_delta,
    "contentBlockStop": Decoder.block_stop,
    "messageStop": Decoder.message_stop,
    "metadata": Decoder.metadata,
}
