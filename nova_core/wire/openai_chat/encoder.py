"""Events into a caller's chunks (OpenAI API reference, "The chat completion chunk object")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from nova_core.errors import NovaError
from nova_core.types.chat import Citation
from nova_core.types.events import (
    AudioDelta,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
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
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.cited import annotation
from nova_core.wire.openai_chat.drawn import image_member
from nova_core.wire.openai_chat.errors import error_frame
from nova_core.wire.openai_chat.fields import NAME
from nova_core.wire.openai_chat.notes import add_members
from nova_core.wire.openai_chat.reply import FOREIGN, finish_members, new_id
from nova_core.wire.openai_chat.usage import render_usage
from nova_core.wire.sse import DONE

_ENCODE = msgspec.json.Encoder().encode
_THOUGHT = (ThinkingDelta, SignatureDelta, RedactedThinkingBlock)


@dataclass(slots=True)
class _Said:
    """What one choice has said: for what must be said at the end of a block, and for tool indexes."""

    role: bool = False
    block: int = -1
    thought: list[str] = field(default_factory=list)
    signature: str = ""
    unlisted: list[dict[str, Any]] = field(default_factory=list)
    text_head: bytes = b""
    text_start: int = 0
    text_end: int = 0
    cited: list[Citation] = field(default_factory=list)
    tools: dict[int, tuple[int, bool]] = field(default_factory=dict)
    listed: dict[str, int] = field(default_factory=dict)

    def item(self, name: str, value: Mapping[str, Any]) -> dict[str, Any]:
        """One more of the objects in the array `name`; clients put such arrays together by `index`."""
        index = self.listed.get(name, 0)
        self.listed[name] = index + 1
        return {**value, "index": index}

    def ended_thought(self) -> list[dict[str, Any]]:
        """The thinking blocks to list at the end of a block: a signed one, and all that come after a listed one.

        One without a signature is listed before the next thought; where none follows, `reasoning_content` said it all.
        """
        if self.thought or self.signature:
            signed = {"signature": self.signature} if self.signature else {}
            self.unlisted.append({"type": "thinking", "thinking": "".join(self.thought), **signed})
        if not self.signature and "thinking_blocks" not in self.listed:
            return []
        self.signature = ""
        return self.take_unlisted()

    def take_unlisted(self) -> list[dict[str, Any]]:
        """The thinking blocks that were not listed yet, as items of the array."""
        found, self.unlisted = self.unlisted, []
        return [self.item("thinking_blocks", block) for block in found]


class ChatEncoder:
    """Encodes one stream. `id`, `created` and `model` are the same in every chunk."""

    __slots__ = ("_created", "_extra", "_head", "_include_usage", "_model", "_said", "_tail", "_usage", "_usage_extra")

    def __init__(self, *, model: str, include_usage: bool, clock: Callable[[], float]) -> None:
        self._model = model
        self._include_usage = include_usage
        self._created = int(clock())
        self._said: dict[int, _Said] = {}
        self._extra: dict[str, Any] = {}
        self._usage: Usage | None = None
        self._usage_extra: dict[str, Any] = {}
        self._head = b""
        # With include_usage every chunk has `usage`, null in all but the last.
        self._tail = b'],"usage":null}\n\n' if include_usage else b"]}\n\n"

    def encode(self, events: tuple[Event, ...]) -> bytes:
        """One chunk per delta; a choice's log probabilities go with the delta before them."""
        if len(events) == 1 and isinstance(events[0], TextDelta) and (more := self._more_text(events[0])):
            return more
        out: list[bytes] = []
        place = 0
        while place < len(events):
            event = events[place]
            following = events[place + 1] if place + 1 < len(events) else None
            logprobs = None
            if isinstance(following, LogprobsDelta) and isinstance(event, TextDelta | RefusalDelta):
                logprobs = following.logprobs
                place += 1
            self._event(event, logprobs, out)
            place += 1
        return b"".join(out)

    def _more_text(self, event: TextDelta) -> bytes:
        """The chunk of text that continues its block; b"" where there is more to say."""
        said = self._said.get(event.choice)
        if said is None or said.block != event.block or not said.role or self._extra:
            return b""
        said.text_end += len(event.text)
        if not said.text_head:
            said.text_head = self._start() + b'{"index":%d,"delta":{"content":' % event.choice
        return said.text_head + _ENCODE(event.text) + b'},"logprobs":null,"finish_reason":null}' + self._tail

    def end(self) -> bytes:
        """The usage chunk if the caller asked for it, and `[DONE]`."""
        out: list[bytes] = []
        for index in self._said:
            self._close_block(index, -1, out)
        if self._include_usage and self._usage is not None:
            usage = render_usage(self._usage)
            add_members(usage, self._usage_extra)
            out.append(self._start() + b'],"usage":' + _ENCODE(usage) + b"}\n\n")
        return b"".join([*out, DONE])

    def fail(self, error: NovaError) -> bytes:
        """An error frame, and no `[DONE]`."""
        return error_frame(error)

    def _start(self, start: StreamStart | None = None) -> bytes:
        """Everything of a chunk in front of its choices, made once."""
        if not self._head:
            head: dict[str, Any] = {
                "id": (start.id if start else "") or new_id(),
                "object": "chat.completion.chunk",
                "created": self._created if start is None or start.created is None else start.created,
                "model": self._model,
            }
            if start is not None and start.service_tier is not None:
                head["service_tier"] = start.service_tier
            if start is not None and start.fingerprint is not None:
                head["system_fingerprint"] = start.fingerprint
            self._head = b"data: " + _ENCODE(head)[:-1] + b',"choices":['
        return self._head

    def _event(self, event: Event, logprobs: Any, out: list[bytes]) -> None:
        match event:
            case StreamStart():
                self._start(event)
            case UsageUpdate():
                self._usage = event.usage
            case ExtraDelta(choice=None):
                members = dict(event.extra.get(NAME, {}))
                self._usage_extra |= members.pop("usage", {})
                self._extra |= members
            case ExtraDelta(choice=int(index)):
                members = dict(event.extra.get(NAME, {}))
                delta = members.pop("message", {})
                if members or delta:
                    self._chunk(index, delta, out, more=members)
            case LogprobsDelta():
                self._chunk(event.choice, {}, out, logprobs=event.logprobs)
            case Finish():
                self._close_block(event.choice, -1, out)
                if not self._of(event.choice).role:
                    self._chunk(event.choice, {"content": ""}, out)
                more = finish_members(event.reason, event.native, event.stop_sequence)
                self._chunk(event.choice, {}, out, more=more)
            case _:
                self._block_event(event, logprobs, out)

    def _block_event(self, event: Any, logprobs: Any, out: list[bytes]) -> None:
        self._close_block(event.choice, event.block, out)
        said = self._of(event.choice)
        if said.unlisted and isinstance(event, _THOUGHT):
            self._chunk(event.choice, {"thinking_blocks": said.take_unlisted()}, out)
        delta = self._delta(event, said)
        if delta:
            self._chunk(event.choice, delta, out, logprobs=logprobs)

    def _delta(self, event: Any, said: _Said) -> dict[str, Any]:
        match event:
            case TextDelta():
                said.text_end += len(event.text)
                return {"content": event.text}
            case RefusalDelta():
                return {"refusal": event.text}
            case ThinkingDelta():
                said.thought.append(event.text)
                return {"reasoning_content": event.text}
            case SignatureDelta():
                said.signature += event.signature
                return {}
            case RedactedThinkingBlock():
                redacted = {"type": "redacted_thinking", "data": event.data}
                return {"thinking_blocks": [said.item("thinking_blocks", redacted)]}
            case ToolCallStart():
                return {"tool_calls": [_tool_start(event, said)]}
            case ToolArgumentsDelta():
                index, custom = said.tools.get(event.block, (0, False))
                kind, name = ("custom", "input") if custom else ("function", "arguments")
                return {"tool_calls": [{"index": index, kind: {name: event.arguments}}]}
            case CitationDelta():
                return self._citation(event.citation, said)
            case AudioDelta():
                said_now = (event.id, event.data, event.transcript, event.expires_at)
                named = zip(("id", "data", "transcript", "expires_at"), said_now, strict=True)
                return {"audio": {name: value for name, value in named if value is not None}}
            case OpaqueBlock():
                if (image := image_member(event.raw)) is not None:
                    return {"images": [said.item("images", image)]}
                return {FOREIGN: {"blocks": [said.item("blocks", event.raw)]}}
            case _:
                return {}

    def _citation(self, cited: Citation, said: _Said) -> dict[str, Any]:
        if cited.dialect == NAME:
            return {"annotations": [said.item("annotations", cited.raw)]}
        # Another dialect's citation is on its whole block, whose end is not known yet.
        said.cited.append(cited)
        return {}

    def _of(self, index: int) -> _Said:
        return self._said.setdefault(index, _Said())

    def _close_block(self, index: int, block: int, out: list[bytes]) -> None:
        """What can only be said when a block is complete: its signature with its text, and its citations."""
        said = self._of(index)
        if block == said.block:
            return
        if blocks := said.ended_thought():
            self._chunk(index, {"thinking_blocks": blocks}, out)
        for cited in said.cited:
            known = annotation(cited, said.text_start, said.text_end)
            if known:
                delta: dict[str, Any] = {"annotations": [said.item("annotations", known)]}
            else:
                delta = {FOREIGN: {"citations": [said.item("citations", cited.raw)]}}
            self._chunk(index, delta, out)
        said.cited = []
        said.block, said.thought, said.text_start = block, [], said.text_end

    def _chunk(
        self, index: int, delta: dict[str, Any], out: list[bytes], *, logprobs: Any = None, more: Any = None
    ) -> None:
        said = self._of(index)
        if not said.role:
            said.role = True
            delta = {"role": "assistant", **delta}
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None, **(more or {})}
        tail = self._tail
        if self._extra:
            tail = b"]," + _ENCODE(self._extra)[1:-1] + tail[1:]
            self._extra = {}
        out.append(self._start() + _ENCODE(choice) + tail)


def _tool_start(event: ToolCallStart, said: _Said) -> dict[str, Any]:
    index = len(said.tools)
    said.tools[event.block] = (index, event.custom)
    kind, text = ("custom", "input") if event.custom else ("function", "arguments")
    start: dict[str, Any] = {"index": index, "id": event.id, "type": kind, kind: {"name": event.name, text: ""}}
    add_members(start, event.extra.get(NAME, {}))
    return start
