"""The deltas of one choice of a stream into events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.errors import StreamBrokenError
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
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
)
from nova_core.wire.openai_chat.fields import NAME, Fields
from nova_core.wire.openai_chat.finish import parse_finish, restored_finish
from nova_core.wire.openai_chat.messages import citation
from nova_core.wire.openai_chat.reply import json_text, new_call_id, take_foreign_finish

_DELTA = frozenset(
    {
        *("role", "content", "refusal", "reasoning_content", "thinking_blocks", "annotations", "audio"),
        *("tool_calls", "function_call"),
    }
)
_CHOICE = frozenset({"index", "delta", "message", "finish_reason", "logprobs"})
_CALL = frozenset({"index", "id", "type", "function", "custom"})
_FUNCTION = frozenset({"name", "arguments", "input"})
_EMPTY: tuple[Any, ...] = (None, "", [], {})


class ChoiceDecoder:
    """What one choice has said so far: which block is open, which tool calls began, whether it is finished."""

    __slots__ = (
        "_block",
        "_blocks",
        "_calls",
        "_dialect",
        "_index",
        "_kind",
        "_last_call",
        "_plain",
        "_thought",
        "finished",
    )

    def __init__(self, index: int, dialect: str = NAME) -> None:
        self._index = index
        self._dialect = dialect
        self._blocks = 0
        self._kind: str | None = None
        self._block = 0
        self._thought: list[str] = []
        self._plain = ""
        self._calls: dict[Any, _Call] = {}
        self._last_call: Any = None
        self.finished = False

    def decode(self, choice: Mapping[str, Any], events: list[Event]) -> None:
        """Append the events of this piece. Raises StreamBrokenError when it says that the answer failed."""
        delta, whole = choice.get("delta"), choice.get("message")
        if isinstance(delta, dict):
            self._delta(delta, events)
        # Some vendors repeat all that was said so far beside every piece, or say it whole in one.
        if not self._blocks and isinstance(whole, dict):
            self._delta(whole, events)
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and logprobs:
            events.append(LogprobsDelta(self._index, logprobs))
        left = {name: value for name, value in choice.items() if name not in _CHOICE and value not in _EMPTY}
        fields = Fields(left, "")
        native, stop_sequence = take_foreign_finish(fields) if left else (None, None)
        if more := fields.extra(self._dialect):
            events.append(ExtraDelta(more, self._index))
        word = choice.get("finish_reason")
        if isinstance(word, str) and word and not self.finished:
            self._finish(word, native, stop_sequence, events)

    def text(self, thought: str | None, content: str | None) -> tuple[Event, ...]:
        """The events of a piece that holds nothing else."""
        events: list[Event] = []
        if thought:
            self._plain_piece(thought, events)
        if content:
            events.append(TextDelta(self._index, self._open("text"), content))
        return tuple(events)

    def _finish(self, word: str, native: str | None, stop_sequence: str | None, events: list[Event]) -> None:
        reason, other = parse_finish(word, called_tools=bool(self._calls))
        if reason == "error":
            raise StreamBrokenError("the upstream stopped with an error before its answer was complete")
        self.finished = True
        for call in self._calls.values():
            call.start(events, name="")
        restored, native = restored_finish(reason, native or other)
        events.append(Finish(self._index, restored or reason, native, stop_sequence))

    def _delta(self, delta: Mapping[str, Any], events: list[Event]) -> None:
        self._thinking(delta, events)
        content = delta.get("content")
        if isinstance(content, str) and content:
            events.append(TextDelta(self._index, self._open("text"), content))
        elif isinstance(content, list):
            self._content_parts(content, events)
        for item in _objects(delta.get("annotations")):
            # `index` is only for putting pieces together.
            raw = {name: value for name, value in item.items() if name != "index"}
            events.append(CitationDelta(self._index, self._open("text"), citation(raw)))
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            events.append(RefusalDelta(self._index, self._open("refusal"), refusal))
        if isinstance(delta.get("audio"), dict):
            events.append(self._audio(delta["audio"]))
        for place, item in enumerate(_objects(delta.get("tool_calls"))):
            self._tool_call(item, place, events)
        if isinstance(delta.get("function_call"), dict):
            self._tool_call({"index": 0, "function": delta["function_call"]}, 0, events)
        self._extras(delta, events)

    def _extras(self, delta: Mapping[str, Any], events: list[Event]) -> None:
        # Most deltas have two or three members, all known.
        if delta.keys() <= _DELTA:
            return
        left = {name: value for name, value in delta.items() if name not in _DELTA and value not in _EMPTY}
        if isinstance(left.get("reasoning"), str):
            del left["reasoning"]
        if left:
            events.append(ExtraDelta({self._dialect: {"message": left}}, self._index))

    def _content_parts(self, content: list[Any], events: list[Event]) -> None:
        """Some vendors stream content as parts, with thinking among them; what is neither is kept whole."""
        for item in content:
            kind = item.get("type") if isinstance(item, dict) else None
            text = item if isinstance(item, str) else item.get("text") if kind == "text" else None
            if text:
                events.append(TextDelta(self._index, self._open("text"), str(text)))
            elif kind == "thinking":
                inner = item.get("thinking")
                pieces = inner if isinstance(inner, list) else [{"text": inner}]
                text = "".join(str(piece.get("text") or "") for piece in pieces if isinstance(piece, dict))
                self._thought_piece(text, events)
            elif isinstance(item, dict) and kind != "text":
                block, self._kind = self._open("opaque"), None
                events.append(OpaqueBlock(self._index, block, self._dialect, item))

    def _open(self, kind: str) -> int:
        """The block that a piece of this kind belongs to: the open one, or a new one."""
        if self._kind != kind:
            self._kind, self._block, self._thought = kind, self._blocks, []
            self._blocks += 1
        return self._block

    def _plain_piece(self, text: str, events: list[Event]) -> None:
        """A piece of a thought outside `thinking_blocks`."""
        self._plain = self._plain + text if self._kind == "thinking" else text
        self._thought_piece(text, events)

    def _thought_piece(self, text: str, events: list[Event]) -> None:
        if text:
            block = self._open("thinking")
            self._thought.append(text)
            events.append(ThinkingDelta(self._index, block, text))

    def _thinking(self, delta: Mapping[str, Any], events: list[Event]) -> None:
        text = delta.get("reasoning_content") or delta.get("reasoning")
        blocks = _objects(delta.get("thinking_blocks"))
        # Where both are there, the blocks usually say the same text, with more about it.
        if isinstance(text, str) and text != "".join(str(item.get("thinking") or "") for item in blocks):
            self._plain_piece(text, events)
        for item in blocks:
            if item.get("type") == "redacted_thinking":
                block, self._kind = self._open("redacted"), None
                events.append(RedactedThinkingBlock(self._index, block, str(item.get("data") or "")))
            else:
                self._thinking_block(item, events)

    def _thinking_block(self, item: Mapping[str, Any], events: list[Event]) -> None:
        """A piece of a block, or its end with the signature; the text may have come as reasoning_content before."""
        piece, signature = str(item.get("thinking") or ""), item.get("signature")
        if piece and not signature and piece == self._plain:
            # All of a thought that was told already: what is thought next is another one.
            self._kind = None if self._kind == "thinking" else self._kind
            self._plain = ""
            return
        if not (signature and self._kind == "thinking" and piece == "".join(self._thought)):
            self._thought_piece(piece, events)
        if isinstance(signature, str) and signature:
            events.append(SignatureDelta(self._index, self._open("thinking"), signature))
            # A signature ends its block: what is thought next is another one.
            self._kind, self._plain = None, ""

    def _audio(self, audio: Mapping[str, Any]) -> AudioDelta:
        def text(name: str) -> str | None:
            value = audio.get(name)
            return value if isinstance(value, str) else None

        expires = audio.get("expires_at")
        return AudioDelta(
            self._index,
            self._open("audio"),
            id=text("id"),
            data=text("data"),
            transcript=text("transcript"),
            expires_at=int(expires) if isinstance(expires, int | float) else None,
        )

    def _tool_call(self, item: Mapping[str, Any], place: int, events: list[Event]) -> None:
        custom = item.get("type") == "custom" or "custom" in item
        inner = item.get("custom" if custom else "function")
        inner = inner if isinstance(inner, dict) else {}
        call_id, name = item.get("id") or None, inner.get("name") or None
        call = self._call_for(item.get("index"), call_id, name, place)
        if call is None:
            self._kind = None
            call = _Call(self._index, self._blocks, custom)
            self._blocks += 1
            self._calls[self._last_call] = call
        call.id = call.id or call_id
        call.learn(item, inner, self._dialect)
        call.start(events, name=name)
        call.arguments(json_text(inner.get("input" if custom else "arguments")), events)

    def _call_for(self, index: Any, call_id: str | None, name: str | None, place: int) -> _Call | None:
        """The call that a delta continues; None when it begins one. Without an index, its id or place tells."""
        if isinstance(index, int):
            key: Any = index
        elif call_id is not None:
            key = call_id
        else:
            key = self._last_call if self._last_call is not None else place
        self._last_call = key
        known = self._calls.get(key)
        # Some vendors number every call 0: another id with a name is another call.
        is_other = known is not None and call_id and name and known.id not in (None, call_id)
        return None if is_other else known


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects of an array; nothing for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


class _Call:
    """One tool call; its start waits for the name, its arguments for the start."""

    __slots__ = ("_block", "_choice", "_custom", "_early", "_extra", "_started", "id")

    def __init__(self, choice: int, block: int, custom: bool) -> None:
        self._choice = choice
        self._block = block
        self._custom = custom
        self._started = False
        self._early = ""
        self._extra: dict[str, dict[str, Any]] = {}
        self.id: str | None = None

    def learn(self, item: Mapping[str, Any], inner: Mapping[str, Any], dialect: str) -> None:
        """Members that vendors add to a call (signatures of thoughts); what comes after its start is lost."""
        left = {name: value for name, value in item.items() if name not in _CALL and value is not None}
        if more := {name: value for name, value in inner.items() if name not in _FUNCTION and value is not None}:
            left["custom" if self._custom else "function"] = more
        if left:
            self._extra.setdefault(dialect, {}).update(left)

    def start(self, events: list[Event], *, name: str | None) -> None:
        if self._started or name is None:
            return
        self._started = True
        self.id = self.id or new_call_id()
        extra = {dialect: dict(members) for dialect, members in self._extra.items()}
        events.append(ToolCallStart(self._choice, self._block, self.id, name, self._custom, extra))
        self.arguments(self._early, events)

    def arguments(self, text: str, events: list[Event]) -> None:
        if not text:
            return
        if self._started:
            events.append(ToolArgumentsDelta(self._choice, self._block, text))
        else:
            self._early += text
