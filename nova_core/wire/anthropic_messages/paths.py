"""Paths of fields as a caller of the Messages API knows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

RENAMED: Final = {
    "stop": "stop_sequences",
    "user": "metadata.user_id",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "response_format": "output_config.format",
    "reasoning": "thinking",
    "reasoning_effort": "output_config.effort",
    "reasoning_effort.summary": "thinking.display",
}
"""Names of the typed model that have another name here."""
STEPS: Final = re.compile(r"messages\[(\d+)\](?:\.content(?:\[(\d+)\])?)?(.*)")
HEAD: Final = re.compile(r"[^.\[]+")

Place = tuple[str, list[int] | None]
"""The path of a typed message's content, and the places of its parts in it; None for a content that is text."""


def caller_path(members: Mapping[str, Any], field: str) -> str:
    """The path, in a request with these decoded `members`, of what `field` is in its typed view.

    The typed view has `system` as its first message, and tool results in a message before the rest of their turn.
    """
    found = STEPS.fullmatch(field)
    if found is None:
        if field == "reasoning_effort":
            return _effort(members)
        if field in RENAMED:
            return RENAMED[field]
        return HEAD.sub(lambda head: RENAMED.get(head[0], head[0]), field, count=1)
    number, part, rest = int(found[1]), found[2], found[3]
    places = _places(members)
    if number >= len(places):
        return field
    path, parts = places[number]
    if part is None:
        return path.removesuffix(".content") + (f".content{rest}" if ".content" in field else rest)
    if parts is None:
        return path
    return f"{path}[{parts[int(part)]}]{rest}" if int(part) < len(parts) else f"{path}{rest}"


def _effort(members: Mapping[str, Any]) -> str:
    """Where the request says how much to think: an effort, a budget, or only that it should."""
    config, thinking = members.get("output_config"), members.get("thinking")
    if not isinstance(thinking, Mapping) or (isinstance(config, Mapping) and "effort" in config):
        return RENAMED["reasoning_effort"]
    return "thinking.budget_tokens" if "budget_tokens" in thinking else "thinking"


def _places(members: Mapping[str, Any]) -> list[Place]:
    places: list[Place] = []
    if members.get("system") is not None:
        places.append(("system", _all(members["system"])))
    turns = members.get("messages")
    for number, turn in enumerate(turns if isinstance(turns, list) else ()):
        path = f"messages[{number}].content"
        content = turn.get("content") if isinstance(turn, Mapping) else None
        if not isinstance(content, list) or turn.get("role") != "user":
            places.append((path, _all(content)))
            continue
        results = [place for place, block in enumerate(content) if _is_result(block)]
        others = [place for place, block in enumerate(content) if not _is_result(block)]
        if results:
            places.append((path, results))
        if others or not results or turn.keys() - {"role", "content"}:
            places.append((path, others))
    return places


def _all(content: Any) -> list[int] | None:
    return list(range(len(content))) if isinstance(content, list) else None


def _is_result(block: Any) -> bool:
    return isinstance(block, Mapping) and block.get("type") == "tool_result"
