"""Stream events: a chat answer in pieces, in no dialect. `wire/assemble.py` folds them into a `ChatReply`.

`choice` is the answer's index. `block` numbers the parts of one choice from 0 in order of appearance,
so that parallel tool calls and interleaved thinking keep their places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from nova_core.types.chat import Citation, Extra, FinishReason
from nova_core.types.usage import Usage


@dataclass(frozen=True, slots=True)
class StreamStart:
    """First event of every stream."""

    id: str
    model: str
    created: int | None = None
    service_tier: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    choice: int
    block: int
    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    choice: int
    block: int
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    choice: int
    block: int
    text: str


@dataclass(frozen=True, slots=True)
class SignatureDelta:
    """The signature of thinking block `block`; pieces are joined."""

    choice: int
    block: int
    signature: str


@dataclass(frozen=True, slots=True)
class RedactedThinkingBlock:
    choice: int
    block: int
    data: str


@dataclass(frozen=True, slots=True)
class ToolCallStart:
    choice: int
    block: int
    id: str
    name: str
    custom: bool = False
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolArgumentsDelta:
    """A piece of the JSON text of a tool call's arguments."""

    choice: int
    block: int
    arguments: str


@dataclass(frozen=True, slots=True)
class CitationDelta:
    choice: int
    block: int
    citation: Citation


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """A piece of spoken answer: base64 `data` and `transcript` pieces are joined."""

    choice: int
    block: int
    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class OpaqueBlock:
    """A whole block that only `dialect` knows."""

    choice: int
    block: int
    dialect: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BlockStop:
    """Block `block` is complete. Dialects without such a signal leave it out."""

    choice: int
    block: int


@dataclass(frozen=True, slots=True)
class LogprobsDelta:
    choice: int
    logprobs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finish:
    choice: int
    reason: FinishReason
    native: str | None = None
    stop_sequence: str | None = None


@dataclass(frozen=True, slots=True)
class UsageUpdate:
    """Usage so far; a later one replaces an earlier one."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class ExtraDelta:
    """Fields only one dialect knows, at the reply's top level (`choice` None) or on a choice."""

    extra: Extra = field(default_factory=dict)
    choice: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer that is no chat: some of its bytes (audio), or the JSON of one event of its dialect.

    `event` is the name of such an event, None for bytes. It stands alone: nothing else is said with pieces but usage.
    """

    data: bytes
    event: str | None = None


BlockEvent = (
    TextDelta
    | RefusalDelta
    | ThinkingDelta
    | SignatureDelta
    | RedactedThinkingBlock
    | ToolCallStart
    | ToolArgumentsDelta
    | CitationDelta
    | AudioDelta
    | OpaqueBlock
)
"""A piece of one block of one choice."""

Event = StreamStart | BlockEvent | BlockStop | LogprobsDelta | Finish | UsageUpdate | ExtraDelta | Piece


class Frame(msgspec.Struct, frozen=True):
    """One server-sent event: its `event:` name (None when unnamed) and the joined `data:` lines."""

    data: bytes
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """What `post_call_stream` sees: events, and the upstream frame they came from.

    A plugin that changes `events` makes a new chunk without `frame` (`Chunk(events)`); a chunk passed
    on untouched is written as the bytes that came in when caller and provider speak the same dialect.
    `comment` is written before it as a comment of the event stream, which clients skip.
    """

    events: tuple[Event, ...]
    frame: Frame | None = None
    comment: str | None = None
