"""Paths of fields as a caller of the Gemini API knows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.wire.gemini.config import CONFIG, NUMBERS, WHOLE
from nova_core.wire.gemini.contents import turns_of
from nova_core.wire.gemini.fields import canonical, fields_of

RENAMED: Final[Mapping[str, str]] = {
    **{name: f"{CONFIG}.{said}" for name, said in (*NUMBERS.items(), *WHOLE.items())},
    "stop": f"{CONFIG}.stopSequences",
    "logprobs": f"{CONFIG}.responseLogprobs",
    "modalities": f"{CONFIG}.responseModalities",
    "response_format": f"{CONFIG}.responseJsonSchema",
    "reasoning": f"{CONFIG}.thinkingConfig",
    "reasoning_effort": f"{CONFIG}.thinkingConfig.thinkingLevel",
    "reasoning_effort.summary": f"{CONFIG}.thinkingConfig.includeThoughts",
    "thinking": f"{CONFIG}.thinkingConfig",
    "thinking.budget_tokens": f"{CONFIG}.thinkingConfig.thinkingBudget",
    "thinking.display": f"{CONFIG}.thinkingConfig.includeThoughts",
    "tool_choice": "toolConfig.functionCallingConfig",
    "service_tier": "serviceTier",
}
"""Names of the typed model that have another name here."""
MESSAGE: Final = re.compile(r"messages\[(\d+)\](?:\.(?:content|tool_calls)(?:\[(\d+)\])?)?(.*)")
TOOL: Final = re.compile(r"tools\[(\d+)\](.*)")
HEAD: Final = re.compile(r"[^.\[]+")


def caller_path(members: Mapping[str, Any], field: str) -> str:
    """The path, in a request with these decoded `members`, of what `field` is in its typed view."""
    if (found := MESSAGE.fullmatch(field)) is not None:
        return _in_contents(members, int(found[1]), found[2], found[3]) or field
    if (found := TOOL.fullmatch(field)) is not None:
        places = list(_tools(members))
        return places[int(found[1])] + found[2] if int(found[1]) < len(places) else field
    if field == "reasoning_effort" and _has_budget(members):
        return RENAMED["thinking.budget_tokens"]
    if field in RENAMED:
        return RENAMED[field]
    return HEAD.sub(lambda head: RENAMED.get(head[0], head[0]), field, count=1)


def _has_budget(members: Mapping[str, Any]) -> bool:
    """Whether the request says how much to think by a budget."""
    found: Any = members
    for name in (CONFIG, "thinkingConfig"):
        found = canonical(found, "").get(name)
        if not isinstance(found, Mapping):
            return False
    return "thinkingBudget" in canonical(found, "")


def _in_contents(members: Mapping[str, Any], number: int, part: str | None, rest: str) -> str | None:
    try:
        turns = turns_of(fields_of(members, ""))
    except BadRequestError:
        return None
    if number >= len(turns):
        return None
    turn = turns[number]
    place = int(part) if part is not None else -1
    return (turn.places[place] if 0 <= place < len(turn.places) else turn.path) + rest


def _tools(members: Mapping[str, Any]) -> list[str]:
    """The path of each tool of the typed view."""
    places: list[str] = []
    tools = members.get("tools")
    for place, raw in enumerate(tools if isinstance(tools, list) else ()):
        tool = canonical(raw, f"tools[{place}]")
        declared = tool.pop("functionDeclarations", None) or ()
        places += [f"tools[{place}].functionDeclarations[{number}]" for number in range(len(declared))]
        places += [f"tools[{place}].{name}" for name in tool]
    return places
