"""What an agent can be told beside the task, and what becomes of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.types.fidelity import Fate, FieldNote
from nova_core.types.message import decoded
from nova_core.wire.drop_policy import is_default

OWN: Final = frozenset(
    {
        "task_mode", "agent_profile", "project_id", "connectors", "locale", "interactive_mode", "hide_in_task_list",
        "create_shareable_link",
    }
)  # fmt: skip
"""The vendor's own members."""
TAKEN: Final = OWN | {"model", "input", "instructions", "previous_response_id", "stream", "background"}
HARMLESS: Final = frozenset(
    {
        "max_output_tokens", "metadata", "user", "store", "safety_identifier", "truncation", "max_tool_calls",
        "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "prompt_cache_breakpoint",
        "stream_options", "service_tier",
    }
)  # fmt: skip
"""Members that are left out, and are not missed in the answer."""
LOGPROBS: Final = "message.output_text.logprobs"


def left_out(members: Mapping[str, Any]) -> Iterator[FieldNote]:
    """Notes on the members that no agent is told, by their names in the Responses API."""
    for name, raw in members.items():
        if name in TAKEN:
            continue
        value = decoded(raw)
        if name == "include":
            if isinstance(value, list) and LOGPROBS in value:
                yield FieldNote(name, Fate.LOST, "there are no log probabilities")
        elif name == "text" and isinstance(value, Mapping):
            yield from (FieldNote(f"text.{each}", _fate(each, inner)) for each, inner in value.items())
        else:
            yield FieldNote(name, Fate.HINT if name in HARMLESS else _fate(name, value))


def _fate(name: str, value: Any) -> Fate:
    plain = name == "format" and value == {"type": "text"}
    return Fate.HINT if plain or is_default(name, value) else Fate.LOST
