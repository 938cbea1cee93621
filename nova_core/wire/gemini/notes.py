"""Collecting what becomes of each field while a request or reply is said in the Gemini API's words."""

from __future__ import annotations

from typing import Any

from nova_core.types.chat import CacheBreakpoint, Extra
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.gemini.fields import NAME


class Notes(ForeignNotes):
    """The notes of one rendering; `own` is True for a request that came in this dialect."""

    __slots__ = ()

    def __init__(self, *, own: bool) -> None:
        super().__init__(own=own, dialect=NAME)

    def extra(self, body: dict[str, Any], extra: Extra, path: str = "") -> None:
        """Add this dialect's extra members to `body`, and note those of other dialects."""
        body.update(extra.get(NAME, {}))
        self.foreign(extra, path)

    def unmarked(self, cache: CacheBreakpoint | None, path: str = "") -> None:
        """A cache breakpoint, which this API has no mark for."""
        if cache is not None:
            self.hint(f"{path}.cache_control" if path else "cache_control", "prompts are cached automatically")
