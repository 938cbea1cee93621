"""Collecting what becomes of each field while a request is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from nova_core.types.chat import CacheBreakpoint, Extra, Opaque
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.wire.drop_policy import is_default
from nova_core.wire.openai_chat.fields import NAME

# Members of other dialects' parts and tools that steer caching, display or loading, not the answer.
HINTS = frozenset({"allowed_callers", "caller", "defer_loading", "display", "eager_input_streaming", "input_examples"})

DRAWN: Final = "image_generation_call"
"""The item of the Responses API that an image in an answer is."""


class Leaving(Protocol):
    """Whatever collects notes on what is left out."""

    def hint(self, field: str, detail: str = "") -> None:
        """Left out, and harmless."""
        ...

    def lost(self, field: str, detail: str = "") -> None:
        """Left out, and missed."""
        ...


def note_opaque(part: Opaque, path: str, notes: Leaving) -> None:
    """Note a part that only another dialect knows; an image of an earlier answer is not missed, as in chats."""
    if part.raw.get("type") == DRAWN:
        notes.hint(path, "an image of an earlier answer cannot be sent back")
    else:
        notes.lost(path, f"only {part.dialect} knows {part.raw.get('type', 'this part')}")


class Notes:
    """The notes of one rendering.

    `own` is True for a request that came in this dialect: it is said again in its own words, extensions of
    vendors included, so nothing of it needs a note.
    """

    __slots__ = ("_notes", "dialect", "own")

    def __init__(self, *, own: bool, dialect: str = NAME) -> None:
        self.own = own
        self.dialect = dialect
        self._notes: list[FieldNote] = []

    def mapped(self, field: str, detail: str = "") -> None:
        self._notes.append(FieldNote(field, Fate.MAPPED, detail))

    def approximated(self, field: str, detail: str) -> None:
        self._notes.append(FieldNote(field, Fate.APPROXIMATED, detail))

    def hint(self, field: str, detail: str = "") -> None:
        self._notes.append(FieldNote(field, Fate.HINT, detail))

    def lost(self, field: str, detail: str = "") -> None:
        self._notes.append(FieldNote(field, Fate.LOST, detail))

    def fidelity(self) -> Fidelity:
        """The report."""
        return Fidelity(tuple(self._notes))

    def extra(self, body: dict[str, Any], extra: Extra, path: str = "") -> None:
        """Add this dialect's extra members to `body`, and note those of other dialects."""
        for dialect, members in extra.items():
            if dialect == self.dialect:
                add_members(body, members)
                continue
            for name in members:
                field = f"{path}.{name}" if path else name
                if is_default(name, members[name]) or name in HINTS:
                    self.hint(field)
                else:
                    self.lost(field, f"only {dialect} has it")

    def cache(self, body: dict[str, Any], cache: CacheBreakpoint | None, path: str = "") -> None:
        """Add `cache_control` where it was said in this dialect; elsewhere it is a hint that is dropped."""
        if cache is None:
            return
        if self.own:
            body["cache_control"] = {"type": "ephemeral", **({"ttl": cache.ttl} if cache.ttl else {})}
        else:
            self.hint(f"{path}.cache_control" if path else "cache_control", "prompts are cached automatically")


def add_members(body: dict[str, Any], members: Mapping[str, Any]) -> None:
    """Add members that `body` does not have; objects that both have are joined."""
    for name, value in members.items():
        present = body.get(name)
        if isinstance(present, dict) and isinstance(value, Mapping):
            body[name] = {**value, **present}
        elif present is None:
            body[name] = value
