"""Notes of renderings in words that share little with OpenAI's: most unknown members of others are hints there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nova_core.types.chat import Extra
from nova_core.wire.drop_policy import is_default
from nova_core.wire.openai_chat.notes import Notes

HINTS: Final = frozenset(
    {
        "annotations", "index", "parsed", "parsed_arguments", "prediction", "prompt_cache_breakpoint",
        "prompt_cache_options", "prompt_cache_retention", "provider_specific_fields", "reasoning_details",
        "safety_identifier", "stream_options", "extra_content", "allowed_callers", "caller", "defer_loading", "display",
        "eager_input_streaming", "input_examples", "stop_details",
    }
)  # fmt: skip
"""Fields of other dialects that do not change the answer's meaning."""
NESTED: Final = ("usage", "message", "function")
"""Objects of which only the unknown members are among the extras."""


class ForeignNotes(Notes):
    """The notes of one rendering in `dialect`."""

    __slots__ = ()

    def foreign(self, extra: Extra, path: str = "") -> None:
        """Note the extra members of other dialects."""
        for dialect, members in extra.items():
            for name, value in members.items() if dialect != self.dialect else ():
                field = f"{path}.{name}" if path else name
                if name in NESTED and isinstance(value, Mapping):
                    self.foreign({dialect: value}, field)
                elif name in HINTS or path == "usage" or is_default(name, value) or value in ([], {}, "", False):
                    self.hint(field)
                else:
                    self.lost(field, f"only {dialect} has it")
