"""Stream events of a response into events (OpenAI API reference, "Responses", streaming events)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from nova_core.types.chat import RedactedThinking
from nova_core.types.events import (
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    Frame,
    LogprobsDelta,
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
from nova_core.wire.openai_chat.decoder import broken, parse_chunk
from nova_core.wire.openai_responses.content import citation
from nova_core.wire.openai_responses.errors import response_error
from nova_core.wire.openai_responses.fields import NAME
from nova_core.wire.openai_responses.finish import parse_status
from nova_core.wire.openai_responses.reply import own_members
from nova_core.wire.openai_responses.thoughts import MARK, parse_reasoning, reasoning_text
from nova_core.wire.openai_responses.usage import extra_usage, parse_usage

Data = dict[str, Any]
CALLS: Final[Mapping[str, str]] = {"function_call": "arguments", "custom_tool_call": "input"}
KEPT: Final = ("id", "phase", "encrypted_content", "namespace")
"""Members of an item that the typed events have no word for; they are told beside its first block."""


class Decoder:
    """Decodes one stream. Each content part, call and thought is a block, numbered in order of appearance."""

    __slots__ = ("_blocks", "_called", "_done", "_said", "_started", "_thoughts")

    def __init__(self) -> None:
        self._blocks: dict[tuple[Any, Any], int] = {}
        self._said: set[int] = set()
        self._thoughts: dict[Any, tuple[str, Any]] = {}
        self._called = False
        self._started = False
        self._done = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the error of a failed response, StreamBrokenError for what is no event."""
        data = frame.data.strip()
        if self._done or not data or data == b"[DONE]":
            return ()
        event = parse_chunk(data)
        kind = event.get("type") or frame.event
        if kind == "error" or (kind is None and event.get("error")):
            raise response_error(event.get("error") or event)
        handle = HANDLERS.get(str(kind))
        try:
            return tuple(handle(self, event)) if handle else ()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise broken(f"holds a {kind} event that has not the shape of one") from error

    def end(self) -> tuple[Event, ...]:
        """Raises StreamBrokenError unless the response came to its end."""
        if not self._done:
            raise broken("ended before the response was finished")
        return ()

    def began(self, event: Data) -> list[Event]:
        """The response as it begins; it is repeated while it is queued and when it is under way."""
        if self._started:
            return []
        self._started = True
        response = event["response"]
        created, tier = response.get("created_at"), response.get("service_tier")
        start = StreamStart(
            str(response.get("id") or ""),
            str(response.get("model") or ""),
            created=int(created) if isinstance(created, int | float) else None,
            service_tier=tier if isinstance(tier, str) else None,
        )
        own = own_members(response)
        return [start, ExtraDelta({NAME: own})] if own else [start]

    def item_added(self, event: Data) -> list[Event]:
        """A call begins with its item; of other items only what its parts do not say is told."""
        item, index = event["item"], event.get("output_index")
        kind = item.get("type")
        if kind in ("message", "reasoning"):
            return self._kept(item, self._block(index, 0 if kind == "message" else None))
        if kind not in CALLS:
            return []
        self._called = True
        block = self._block(index, None)
        start = ToolCallStart(0, block, str(item.get("call_id") or ""), str(item["name"]), kind != "function_call")
        return [*self._kept(item, block), start, *self._arguments(block, item.get(CALLS[kind]))]

    def text(self, event: Data) -> list[Event]:
        block = self._part(event)
        events: list[Event] = [TextDelta(0, block, _delta(event))]
        if event.get("logprobs"):
            events.append(LogprobsDelta(0, {"content": event["logprobs"]}))
        return events

    def refusal(self, event: Data) -> list[Event]:
        return [RefusalDelta(0, self._part(event), _delta(event))]

    def cited(self, event: Data) -> list[Event]:
        raw = event.get("annotation")
        return [CitationDelta(0, self._part(event), citation(raw))] if isinstance(raw, dict) else []

    def thought(self, event: Data) -> list[Event]:
        """A summary or the reasoning itself: the first of the two that an item shows; its parts are paragraphs."""
        kind, index = event["type"], event.get("output_index")
        part = event.get("summary_index", event.get("content_index"))
        known = self._thoughts.setdefault(index, (kind, part))
        if known[0] != kind:
            return []
        block, text = self._block(index, None), _delta(event)
        self._thoughts[index] = (kind, part)
        self._said.add(block)
        return [ThinkingDelta(0, block, text if known[1] == part else f"\n\n{text}")]

    def arguments(self, event: Data) -> list[Event]:
        return self._arguments(self._block(event.get("output_index"), None), _delta(event))

    def item_done(self, event: Data) -> list[Event]:
        """The whole item: what of it no delta said, and what only this dialect knows."""
        item, index = event["item"], event.get("output_index")
        kind = item.get("type")
        if kind == "message":
            return self._message_done(item, index)
        if kind == "reasoning":
            return self._reasoning_done(item, index)
        if kind in CALLS:
            new = (index, None) not in self._blocks
            events = self.item_added({**event, "item": {**item, CALLS[kind]: ""}}) if new else []
            block = self._block(index, None)
            said = [] if block in self._said else self._arguments(block, item.get(CALLS[kind]))
            return [*events, *said, BlockStop(0, block)]
        if not isinstance(kind, str):
            raise TypeError("an item has a type")
        return [OpaqueBlock(0, self._block(index, None), NAME, item)]

    def ended(self, event: Data) -> list[Event]:
        """The whole response once more, with usage and status. Raises the error of one that failed."""
        response = event["response"]
        if response.get("status") == "failed" or response.get("error"):
            raise response_error(response.get("error") or {})
        events = self.began(event)
        self._done = True
        finish, native = parse_status(response, called_tools=self._called)
        if more := extra_usage(response.get("usage")):
            events.append(ExtraDelta({NAME: {"usage": more}}))
        if (usage := parse_usage(response.get("usage"), response.get("service_tier"))) is not None:
            events.append(UsageUpdate(usage))
        return [*events, Finish(0, finish or "stop", native)]

    def _message_done(self, item: Data, index: Any) -> list[Event]:
        events: list[Event] = []
        for place, part in enumerate(item.get("content") or ()):
            block = self._block(index, place)
            if block not in self._said:
                text = part.get("text") or part.get("refusal") or ""
                events.append((RefusalDelta if part.get("type") == "refusal" else TextDelta)(0, block, text))
                events += [CitationDelta(0, block, citation(raw)) for raw in part.get("annotations") or ()]
            events += self._kept(item, block) if place == 0 else []
            events.append(BlockStop(0, block))
        return events

    def _reasoning_done(self, item: Data, index: Any) -> list[Event]:
        block = self._block(index, None)
        part = parse_reasoning(item)
        if isinstance(part, RedactedThinking):
            return [RedactedThinkingBlock(0, block, part.data), BlockStop(0, block)]
        events: list[Event] = []
        if block not in self._said:
            events.append(ThinkingDelta(0, block, reasoning_text(item)))
        if part.signature is not None:
            events.append(SignatureDelta(0, block, part.signature))
        return [*events, *self._kept(item, block), BlockStop(0, block)]

    def _kept(self, item: Data, block: int) -> list[Event]:
        members = {name: item[name] for name in KEPT if item.get(name) is not None}
        if str(members.get("encrypted_content", "")).startswith(MARK):
            del members["encrypted_content"]
        return [ExtraDelta({NAME: {"items": {str(block): members}}})] if members else []

    def _part(self, event: Data) -> int:
        block = self._block(event.get("output_index"), event.get("content_index"))
        self._said.add(block)
        return block

    def _arguments(self, block: int, text: Any) -> list[Event]:
        if not isinstance(text, str) or not text:
            return []
        self._said.add(block)
        return [ToolArgumentsDelta(0, block, text)]

    def _block(self, index: Any, part: Any) -> int:
        return self._blocks.setdefault((index, part), len(self._blocks))


def _delta(event: Data) -> str:
    """The piece of text. Raises TypeError where it is none."""
    delta = event["delta"]
    if not isinstance(delta, str):
        raise TypeError("a delta is text")
    return delta


HANDLERS: Final[Mapping[str, Callable[[Decoder, Data], list[Event]]]] = {
    "response.created": Decoder.began,
    "response.queued": Decoder.began,
    "response.in_progress": Decoder.began,
    "response.output_item.added": Decoder.item_added,
    "response.output_item.done": Decoder.item_done,
    "response.output_text.delta": Decoder.text,
    "response.output_text.annotation.added": Decoder.cited,
    "response.refusal.delta": Decoder.refusal,
    "response.reasoning_summary_text.delta": Decoder.thought,
    "response.reasoning_text.delta": Decoder.thought,
    "response.function_call_arguments.delta": Decoder.arguments,
    "response.custom_tool_call_input.delta": Decoder.arguments,
    "response.completed": Decoder.ended,
    "response.incomplete": Decoder.ended,
    "response.failed": Decoder.ended,
    "response.cancelled": Decoder.ended,
}
