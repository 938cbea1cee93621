"""What becomes of fields that Ollama's API has no word for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nova_core.types.chat import CacheBreakpoint, Extra
from nova_core.wire.openai_chat.notes import Notes as _Notes

NAME: Final = "ollama_chat"
HINTS: Final = frozenset(
    {
        "annotations", "extra_content", "index", "provider_specific_fields", "reasoning_details", "safety_identifier",
        "stream_options", "prompt_cache_breakpoint", "prompt_cache_options", "prompt_cache_retention", "prediction",
    }
)  # fmt: skip
"""Fields of other dialects that do not change the answer's meaning."""


class Notes(_Notes):
    """The notes of one rendering."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(own=False, dialect=NAME)

    def foreign(self, extra: Extra, path: str = "") -> None:
        """Note the extra members of other dialects."""
        left: dict[str, Mapping[str, object]] = {}
        for dialect, members in extra.items():
            for name in members:
                if name in HINTS:
                    self.hint(f"{path}.{name}" if path else name)
            left[dialect] = {name: value for name, value in members.items() if name not in HINTS}
        self.extra({}, left, path)

    def unmarked(self, cache: CacheBreakpoint | None, path: str = "") -> None:
        """A cache breakpoint, which this API has no mark for."""
        if cache is not None:
            self.hint(f"{path}.cache_control" if path else "cache_control", "prompts are cached automatically")
