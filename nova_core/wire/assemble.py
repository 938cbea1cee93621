"""Stream events into a whole reply, and a whole reply into events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_core.types.chat import (
    Audio,
    ChatReply,
    Choice,
    Citation,
    Extra,
    Message,
    Opaque,
    Part,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
)
from nova_core.types.events import (
    AudioDelta,
    BlockEvent,
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    LogprobsDelta,
    OpaqueBlock,
    Piece,
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


def assemble(events: Iterable[Event]) -> ChatReply:
    """The reply that these events tell. A choice without a Finish has the finish None."""
    assembly = Assembly()
    for event in events:
        assembly.add(event)
    return assembly.reply()


class Assembly:
    """A reply under construction: `add` events as they pass, then take `reply` once."""

    __slots__ = ("_choices", "_extra", "_start", "_usage")

    def __init__(self) -> None:
        self._start = StreamStart("", "")
        self._usage: Usage | None = None
        self._extra: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case StreamStart():
                self._start = event
            case UsageUpdate():
                self._usage = event.usage
            case ExtraDelta():
                _join(self._extra if event.choice is None else self._choice(event.choice).extra, event.extra)
            case LogprobsDelta():
                choice = self._choice(event.choice)
                choice.logprobs = {} if choice.logprobs is None else choice.logprobs
                _join(choice.logprobs, event.logprobs)
            case Finish():
                self._choice(event.choice).finish = event
            case BlockStop():
                self._choice(event.choice)
            case Piece():
                pass  # of an answer that is no chat
            case _:
                self._choice(event.choice).blocks.setdefault(event.block, _Block()).add(event)

    def reply(self) -> ChatReply:
        """The reply so far; choices in order of their index."""
        start = self._start
        return ChatReply(
            id=start.id,
            model=start.model,
            choices=tuple(self._choices[index].choice(index) for index in sorted(self._choices)),
            usage=self._usage,
            created=start.created,
            service_tier=start.service_tier,
            fingerprint=start.fingerprint,
            extra=self._extra,
        )

    def _choice(self, index: int) -> _Choice:
        return self._choices.setdefault(index, _Choice())


@dataclass(slots=True)
class _Choice:
    blocks: dict[int, _Block] = field(default_factory=dict)
    logprobs: dict[str, Any] | None = None
    finish: Finish | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def choice(self, index: int) -> Choice:
        parts = tuple(self.blocks[block].part() for block in sorted(self.blocks))
        finish = self.finish
        return Choice(
            index=index,
            message=Message("assistant", parts),
            finish=finish.reason if finish else None,
            native_finish=finish.native if finish else None,
            stop_sequence=finish.stop_sequence if finish else None,
            logprobs=self.logprobs,
            extra=self.extra,
        )


@dataclass(slots=True)
class _Block:
    """One part in pieces. `first` is the event that says what kind of part it is."""

    first: BlockEvent | None = None
    pieces: list[str] = field(default_factory=list)
    signature: str | None = None
    cited: list[Citation] = field(default_factory=list)
    audio: dict[str, Any] = field(default_factory=dict)

    def add(self, event: BlockEvent) -> None:
        self.first = self.first or event
        match event:
            case TextDelta() | RefusalDelta() | ThinkingDelta():
                self.pieces.append(event.text)
            case ToolArgumentsDelta():
                self.pieces.append(event.arguments)
            case SignatureDelta():
                self.signature = (self.signature or "") + event.signature
            case CitationDelta():
                self.cited.append(event.citation)
            case AudioDelta():
                self._add_audio(event)
            case _:
                self.first = event

    def part(self) -> Part:
        text = "".join(self.pieces)
        match self.first:
            case TextDelta() | CitationDelta():
                return Text(text, citations=tuple(self.cited))
            case RefusalDelta():
                return Refusal(text)
            case ThinkingDelta() | SignatureDelta():
                return Thinking(text, self.signature)
            case RedactedThinkingBlock():
                return RedactedThinking(self.first.data)
            case ToolCallStart():
                start = self.first
                return ToolCall(start.id, start.name, text, custom=start.custom, extra=start.extra)
            case OpaqueBlock():
                return Opaque(self.first.dialect, self.first.raw)
            case AudioDelta():
                said = {name: value for name, value in self.audio.items() if name != "data"}
                return Audio(Source(data=self.audio.get("data")), **said)
            case _:
                # Arguments of a call that never began: the text is all there is.
                return ToolCall("", "", text)

    def _add_audio(self, event: AudioDelta) -> None:
        for name in ("data", "transcript"):
            piece = getattr(event, name)
            if piece is not None:
                self.audio[name] = self.audio.get(name, "") + piece
        for name in ("id", "expires_at"):
            value = getattr(event, name)
            if value is not None:
                self.audio[name] = value


def _join(target: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add to `target`: objects are joined, arrays appended, other values replaced. `more` stays untouched."""
    for name, value in more.items():
        present = target.get(name)
        if isinstance(value, Mapping):
            inner = target[name] = present if isinstance(present, dict) else {}
            _join(inner, value)
        elif isinstance(value, list):
            items = target[name] = present if isinstance(present, list) else []
            items.extend(value)
        elif value is not None or name not in target:
            target[name] = value


def disassemble(reply: ChatReply) -> Iterator[tuple[Event, ...]]:
    """The reply as a stream's events, one tuple per part; `assemble` makes the same reply of them.

    Extras of single parts other than tool calls have no event and are left out.
    """
    start = StreamStart(reply.id, reply.model, reply.created, reply.service_tier, reply.fingerprint)
    yield (start, ExtraDelta(reply.extra)) if reply.extra else (start,)
    for choice in reply.choices:
        for block, part in enumerate(choice.message.parts):
            yield (*_part_events(choice.index, block, part), BlockStop(choice.index, block))
        if choice.logprobs is not None:
            yield (LogprobsDelta(choice.index, choice.logprobs),)
        extra = _choice_extra(choice)
        if extra:
            yield (ExtraDelta(extra, choice.index),)
        if choice.finish is not None:
            yield (Finish(choice.index, choice.finish, choice.native_finish, choice.stop_sequence),)
    if reply.usage is not None:
        yield (UsageUpdate(reply.usage),)


def _choice_extra(choice: Choice) -> Extra:
    extra: dict[str, Any] = {}
    _join(extra, choice.extra)
    _join(extra, {dialect: {"message": members} for dialect, members in choice.message.extra.items()})
    return extra


def _part_events(index: int, block: int, part: Part) -> tuple[Event, ...]:
    match part:
        case Text():
            cited = tuple(CitationDelta(index, block, citation) for citation in part.citations)
            return (TextDelta(index, block, part.text), *cited)
        case Refusal():
            return (RefusalDelta(index, block, part.text),)
        case Thinking():
            signed = () if part.signature is None else (SignatureDelta(index, block, part.signature),)
            return (ThinkingDelta(index, block, part.text), *signed)
        case RedactedThinking():
            return (RedactedThinkingBlock(index, block, part.data),)
        case ToolCall():
            start = ToolCallStart(index, block, part.id, part.name, part.custom, part.extra)
            return (start, ToolArgumentsDelta(index, block, part.arguments))
        case Audio():
            return (AudioDelta(index, block, part.id, part.source.data, part.transcript, part.expires_at),)
        case Opaque():
            return (OpaqueBlock(index, block, part.dialect, part.raw),)
        case _:
            raise ValueError(f"an answer holds no {type(part).__name__}")
