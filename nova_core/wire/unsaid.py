"""Notes on the fields of a typed chat request that a wire format has no word for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Final, Protocol

from nova_core.types.chat import ChatRequest, Message, Part, ResponseFormat
from nova_core.wire.drop_policy import is_default
from nova_core.wire.openai_chat.notes import Notes

HARMLESS: Final = frozenset(
    {"user", "metadata", "service_tier", "store", "prompt_cache_key", "verbosity", "cache", "include_usage"}
)
"""Fields that do not change what an answer means."""
CALLED: Final[Mapping[str, str]] = {
    "reasoning": "reasoning_effort",
    "cache": "cache_control",
    "include_usage": "stream_options.include_usage",
}
"""Names of callers, where the typed model has others."""


def note_unsaid(typed: ChatRequest, said: Collection[str], notes: Notes) -> None:
    """Note every field that is given and not among those that are `said`: as a hint, or as lost.

    Messages and tools are for the wire format to go through; what it does not know is `extra`, and is noted here.
    """
    for field in fields(typed):
        name, value = field.name, getattr(typed, field.name)
        if name in ("model", "messages", "stream", "extra", *said) or value is None or value == ():
            continue
        called = CALLED.get(name, name)
        harmless = name in HARMLESS or is_default(called, list(value) if isinstance(value, tuple) else value)
        (notes.hint if harmless else notes.lost)(called)
    notes.extra({}, typed.extra)


class Noting(Protocol):
    """Whatever collects notes on fields."""

    def mapped(self, field: str, detail: str = "") -> None:
        """Said in other words."""
        ...

    def hint(self, field: str, detail: str = "") -> None:
        """Left out, and harmless."""
        ...


def note_schema(wanted: ResponseFormat, notes: Noting, strict: str) -> str:
    """Note what is said beside the schema of an answer: its names are hints, and `strict` is why it holds anyway.

    Answers the path of the schema.
    """
    path = "response_format.json_schema" if wanted.kind == "json_schema" else "response_format"
    for name in ("name", "description"):
        if getattr(wanted, name) is not None:
            notes.hint(f"{path}.{name}")
    if wanted.strict is not None:
        notes.mapped(f"{path}.strict", strict)
    return path


def note_beside(said: Message | Part, path: str, notes: Notes) -> None:
    """Note what stands beside the content of a message or a part: a name, a mark of caching, words of its dialect."""
    if isinstance(said, Message) and said.name is not None:
        notes.hint(f"{path}.name")
    if getattr(said, "cache", None) is not None:
        notes.hint(f"{path}.cache_control")
    notes.extra({}, getattr(said, "extra", {}), path)
