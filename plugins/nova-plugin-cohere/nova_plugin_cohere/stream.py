"""Streams of `/v2/chat` into events."""

# https://docs.cohere.com/v2/docs/streaming

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError, StreamBrokenError
from nova_core.types.events import (
    BlockStop,
    CitationDelta,
    Event,
    Finish,
    Frame,
    LogprobsDelta,
    OpaqueBlock,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
    UsageUpdate,
)
from nova_core.wire.body import NOT_JSON
from nova_core.wire.upstream_errors import classify, facts_of, redacted
from nova_plugin_cohere.reply import FAILED, UNREADABLE, citations, finish_of, logprob, usage_of
from nova_plugin_cohere.request import NAME

Data = Mapping[str, Any]
DONE = b"[DONE]"
PLAN, CONTENT, CALL = "plan", "content", "call"


class Decoder:
    """Events of one stream. `content` and `call` count their indices apart, so each gets a block of its own."""

    __slots__ = ("_blocks", "_called", "_finished", "_started", "_texts")

    def __init__(self) -> None:
        self._blocks: dict[tuple[str, Any], int] = {}
        self._texts: dict[Any, int] = {}
        self._called = False
        self._started = False
        self._finished = False

    def decode(self, frame: Frame) -> tuple[Event, ...]:
        """Events of one frame. Raises the error that it carries, StreamBrokenError for what is no event."""
        if self._finished:
            return ()
        if frame.data == DONE:
            raise StreamBrokenError("the upstream's stream ended before its answer did")
        kind, data = event_in(frame, "type")
        if not self._started and kind != "message-start":
            raise StreamBrokenError("the upstream's stream does not begin with the start of a message")
        try:
            return tuple(self._events(kind, data))
        except UNREADABLE as error:
            raise StreamBrokenError(f"the upstream's event `{kind[:40]}` has not the shape of one") from error

    def end(self) -> tuple[Event, ...]:
        """Raises StreamBrokenError if the answer was not finished."""
        if not self._finished:
            raise StreamBrokenError("the upstream's stream ended before its answer did")
        return ()

    def _events(self, kind: str, data: Data) -> list[Event]:
        """Events of kinds that are not known, such as those for debugging, say nothing."""
        read = READERS.get(kind)
        return read(self, data) if read is not None else []

    def _start(self, data: Data) -> list[Event]:
        if self._started:
            raise StreamBrokenError("the upstream's stream starts a second message")
        self._started = True
        return [StreamStart(str(data.get("id") or ""), "")]

    def _content(self, data: Data) -> list[Event]:
        said = _said(data)["content"]
        block = self._block(CONTENT, data.get("index"))
        if said.get("type") not in (None, "text", "thinking"):
            return [OpaqueBlock(0, block, NAME, said)]
        events: list[Event] = []
        if "text" in said:
            self._texts[data.get("index")] = block
        if thought := said.get("thinking"):
            events.append(ThinkingDelta(0, block, _text(thought)))
        if text := said.get("text"):
            events.append(TextDelta(0, block, _text(text)))
        if chances := data.get("logprobs"):
            events.append(LogprobsDelta(0, {"content": [logprob(chances)]}))
        return events

    def _content_end(self, data: Data) -> list[Event]:
        return [BlockStop(0, self._block(CONTENT, data.get("index")))]

    def _plan(self, data: Data) -> list[Event]:
        return [ThinkingDelta(0, self._block(PLAN, None), _text(_said(data)["tool_plan"]))]

    def _call(self, data: Data) -> list[Event]:
        call = _one(_said(data)["tool_calls"])
        self._called = True
        block = self._block(CALL, data.get("index"))
        function = call["function"]
        start = ToolCallStart(0, block, _text(call["id"]), _text(function["name"]))
        given = function.get("arguments")
        return [start, ToolArgumentsDelta(0, block, _text(given))] if given else [start]

    def _arguments(self, data: Data) -> list[Event]:
        block = self._blocks[CALL, data.get("index")]
        return [ToolArgumentsDelta(0, block, _text(_one(_said(data)["tool_calls"])["function"]["arguments"]))]

    def _call_end(self, data: Data) -> list[Event]:
        return [BlockStop(0, self._blocks[CALL, data.get("index")])]

    def _citation(self, data: Data) -> list[Event]:
        cited = _one(_said(data)["citations"])
        if not self._texts:
            return []
        last = next(reversed(self._texts.values()))
        block = self._texts.get(cited.get("content_index"), last)
        return [CitationDelta(0, block, citation) for citation in citations(cited)]

    def _end(self, data: Data) -> list[Event]:
        delta = data["delta"]
        if delta.get("error") or delta.get("finish_reason") in FAILED:
            words = redacted(str(delta.get("error") or delta["finish_reason"]))
            raise BadGatewayError(f"the upstream ended its answer with an error: {words}")
        reason, native = finish_of(delta["finish_reason"], called=self._called)
        if reason is None:
            raise TypeError("a finish reason is expected")
        self._finished = True
        usage = usage_of(delta)
        return [Finish(0, reason, native), *([UsageUpdate(usage)] if usage is not None else [])]

    def _block(self, kind: str, index: Any) -> int:
        return self._blocks.setdefault((kind, index), len(self._blocks))


READERS: Mapping[str, Callable[[Decoder, Data], list[Event]]] = {
    "message-start": Decoder._start,
    "content-start": Decoder._content,
    "content-delta": Decoder._content,
    "content-end": Decoder._content_end,
    "tool-plan-delta": Decoder._plan,
    "tool-call-start": Decoder._call,
    "tool-call-delta": Decoder._arguments,
    "tool-call-end": Decoder._call_end,
    "citation-start": Decoder._citation,
    "message-end": Decoder._end,
}


def event_in(frame: Frame, named: str) -> tuple[str, Data]:
    """The kind of event that a frame holds, by the name that has, and its members.

    Raises the error that it carries, StreamBrokenError for what is no event.
    """
    try:
        data = msgspec.json.decode(frame.data)
    except NOT_JSON as error:
        raise StreamBrokenError("the upstream's stream holds an event that is not JSON") from error
    if not isinstance(data, dict):
        raise StreamBrokenError("the upstream's stream holds an event that is not an object")
    kind = data.get(named)
    if not isinstance(kind, str) or "error" in (kind, frame.event):
        facts = facts_of(frame.data)
        raise classify(None, facts.message or "the upstream failed without a message", facts.code, facts.type)
    return kind, data


def _said(data: Data) -> Data:
    said: Data = data["delta"]["message"]
    return said


def _one(value: Any) -> Data:
    """An object, which the documentation also shows as the only item of a list."""
    found: Data = value[0] if isinstance(value, list) else value
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is expected")
    return value
