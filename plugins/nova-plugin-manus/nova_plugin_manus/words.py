"""A conversation as the one message that an agent is given, with its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.types.fidelity import Fate, FieldNote

Body = dict[str, Any]
SPEAKERS: Final[Mapping[str, str]] = {"system": "System", "developer": "System", "assistant": "Assistant"}
TEXTS: Final[Mapping[str, str]] = {
    "input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal",
}  # fmt: skip
"""Content parts that are text, and where they have it."""
FILES: Final = ("input_image", "input_file")
CALLS: Final[Mapping[str, str]] = {"function_call": "arguments", "custom_tool_call": "input"}
RESULTS: Final = ("function_call_output", "custom_tool_call_output")
THOUGHT: Final = "reasoning"


def message_of(members: Mapping[str, Any]) -> Body:
    """What the agent is told; of a conversation that it remembers only what was said since its last answer."""
    items = _items(members.get("input"))
    if members.get("previous_response_id"):
        said = [place for place, item in enumerate(items) if item.get("role") == "assistant"]
        items = items[said[-1] + 1 :] if said else items
    turns = list(_turns(members.get("instructions"), items))
    text = turns[0][1] if len(turns) == 1 else "\n\n".join(f"{who}: {what}" for who, what in turns)
    files = [dict(part) for item in items for part in _content(item) if part.get("type") in FILES]
    return {"role": "user", "content": [*([{"type": "input_text", "text": text}] if text else []), *files]}


def is_retold(members: Mapping[str, Any]) -> bool:
    """Whether the agent gets a transcript."""
    return len(list(_turns(members.get("instructions"), _items(members.get("input"))))) > 1


def unsaid(members: Mapping[str, Any]) -> Iterator[FieldNote]:
    """What of a conversation cannot be told."""
    for place, item in enumerate(_items(members.get("input"))):
        kind = item.get("type") or "message"
        if kind not in ("message", THOUGHT, *CALLS, *RESULTS):
            yield FieldNote(f"input[{place}]", Fate.LOST, f"the agent is told nothing of type {kind}")
        for number, part in enumerate(_content(item)):
            if part.get("type") not in (*TEXTS, *FILES):
                yield FieldNote(f"input[{place}].content[{number}]", Fate.LOST, "the agent takes texts and files")


def _turns(instructions: Any, items: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Who said what."""
    if isinstance(instructions, str) and instructions:
        yield "System", instructions
    for item in items:
        kind = str(item.get("type"))
        if kind in CALLS:
            yield "Assistant", f"{item.get('name')}({item.get(CALLS[kind])})"
        elif kind in RESULTS:
            yield "Tool", _text(item, "output")
        elif text := _text(item, "content"):
            yield SPEAKERS.get(str(item.get("role")), "User"), text


def _items(given: Any) -> list[Mapping[str, Any]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return [each for each in given if isinstance(each, Mapping)] if isinstance(given, list) else []


def _content(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = item.get("output" if item.get("type") in RESULTS else "content")
    return [part for part in found if isinstance(part, Mapping)] if isinstance(found, list) else []


def _text(item: Mapping[str, Any], member: str) -> str:
    said = item.get(member)
    if isinstance(said, str):
        return said
    texts = (part.get(TEXTS.get(str(part.get("type")), "")) for part in _content(item))
    return "\n\n".join(text for text in texts if isinstance(text, str))
