"""Paths of fields as a caller of this API knows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.wire.openai_responses.items import parse_turns

RENAMED: Final = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "response_format.json_schema": "text.format",
    "verbosity": "text.verbosity",
    "reasoning_effort": "reasoning.effort",
    "thinking": "reasoning",
    "thinking.display": "reasoning.summary",
    "reasoning_effort.summary": "reasoning.summary",
    "logprobs": "include",
}
"""Fields of the typed model, as chat completions name them, that have another name here."""
STEPS: Final = re.compile(r"messages\[(\d+)\](?:\.(content|tool_calls|thinking_blocks)(?:\[(\d+)\])?)?(.*)")
# Objects that chat completions nest and this API does not.
NESTED: Final = re.compile(r"\.(function|custom|image_url|file|input_audio)(?=\.)")


def caller_path(members: Mapping[str, Any], field: str) -> str:
    """The path, in a request with these decoded `members`, of what `field` is in its typed view."""
    found = STEPS.fullmatch(field)
    if found is None:
        longest = max((name for name in RENAMED if _begins(field, name)), key=len, default="")
        renamed = RENAMED[longest] + field[len(longest) :] if longest else field
        return NESTED.sub("", renamed)
    number, part, rest = int(found[1]), found[3], NESTED.sub("", found[4])
    turns = parse_turns(members)
    if number >= len(turns):
        return field
    turn = turns[number]
    if part is None or int(part) >= len(turn.paths):
        return turn.path + rest
    return turn.paths[int(part)] + rest


def _begins(field: str, name: str) -> bool:
    return field == name or field.startswith((f"{name}.", f"{name}["))
