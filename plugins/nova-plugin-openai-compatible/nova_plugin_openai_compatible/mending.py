"""Menders for finish reasons, content in parts, and usage in odd places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nova_core.wire.mended_answers import with_choices

LISTED = re.compile(rb'"content"\s*:\s*\[')
CALLING = re.compile(rb'"tool_calls"\s*:\s*\[')
UNFINISHED = re.compile(rb'"finish_reason"\s*:\s*""')


class FinishMender:
    """An empty finish reason becomes `tool_calls` after calls of tools, and none in other chunks."""

    def __init__(self) -> None:
        self._called: set[Any] = set()

    def concerns(self, data: bytes) -> bool:
        """Calls of tools are noted, empty reasons mended."""
        return bool(CALLING.search(data) or UNFINISHED.search(data))

    def mended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with its finish reasons."""
        return with_choices(answer, self._choice)

    def _choice(self, choice: dict[str, Any], part: str, said: Mapping[str, Any]) -> dict[str, Any]:
        if said.get("tool_calls"):
            self._called.add(choice.get("index"))
        if choice.get("finish_reason") != "":
            return choice
        if choice.get("index") in self._called:
            return {**choice, "finish_reason": "tool_calls"}
        # Without a tool call an empty reason in a chunk only means that more is to come.
        return {**choice, "finish_reason": None} if part == "delta" else choice


class PartsMender:
    """Content in parts becomes `content` and `reasoning_content`; left alone when a part is neither."""

    def concerns(self, data: bytes) -> bool:
        """Content that is a list."""
        return LISTED.search(data) is not None

    def mended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with texts for content."""
        return with_choices(answer, lambda choice, part, said: {**choice, part: split_content(said)})


class UsageMender:
    """Usage that a stream states at another place than `usage`, such as in its last choice."""

    def __init__(self, place: tuple[str | int, ...]) -> None:
        self._place = place

    def concerns(self, data: bytes) -> bool:
        """Whatever may state usage."""
        return b'"usage"' in data

    def mended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with `usage`, unless it has it."""
        found: Any = answer
        for step in self._place:
            found = _at(found, step)
        return {**answer, "usage": found} if isinstance(found, Mapping) and not answer.get("usage") else answer


class CompletionMender:
    """The content of a message becomes the text of a completion."""

    def concerns(self, data: bytes) -> bool:
        """Whatever has choices."""
        return b'"choices"' in data

    def mended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with texts."""
        return {**answer, "choices": [_completed(choice) for choice in answer["choices"]]}


def split_content(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Content in parts as `content` and `reasoning_content`; the same object when a part is neither."""
    parts = said.get("content")
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        return said
    if any(part.get("type") not in ("text", "thinking") for part in parts):
        return said
    thoughts = [_thought(part.get("thinking")) for part in parts if part.get("type") == "thinking"]
    texts = [str(part.get("text") or "") for part in parts if part.get("type") == "text"]
    split = {**said, "content": "".join(texts) if texts else None}
    return {**split, "reasoning_content": "".join(thoughts)} if thoughts else split


def _completed(choice: Any) -> Any:
    said = choice.get("message") or choice.get("delta") if isinstance(choice, Mapping) else None
    if not isinstance(said, Mapping) or "text" in choice:
        return choice
    kept = {name: value for name, value in choice.items() if name not in ("message", "delta")}
    return {"logprobs": None, **kept, "text": split_content(said).get("content") or ""}


def _thought(thinking: Any) -> str:
    if isinstance(thinking, list):
        return "".join(str(part.get("text") or "") for part in thinking if isinstance(part, Mapping))
    return thinking if isinstance(thinking, str) else ""


def _at(value: Any, step: str | int) -> Any:
    if isinstance(step, str):
        return value.get(step) if isinstance(value, Mapping) else None
    return value[step] if isinstance(value, list) and len(value) > step else None
