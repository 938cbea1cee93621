"""`systemInstruction` and `contents` into messages, and where each part of them stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nova_core.types.chat import Extra, Message, Part, Role, Text, Thinking, ToolResult
from nova_core.wire.gemini.fields import NAME, fields_of
from nova_core.wire.gemini.parts import CallIds, parse_part
from nova_core.wire.openai_chat.fields import Fields, bad_field


@dataclass(slots=True)
class Turn:
    """A message under construction; `places` are the paths of its parts."""

    role: Role
    path: str
    parts: list[Part] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    extra: Extra = field(default_factory=dict)

    def add(self, part: Part, place: str, *, thought: bool = False) -> None:
        """One more part. What a stream cut in pieces is joined: clients send answers back as they came.

        `thought` tells a piece of a thought from the signature of the part that follows.
        """
        last = self.parts[-1] if self.parts and self.role == "assistant" else None
        match last, part:
            case Text(extra=before), Text() if not before and not part.extra:
                self.parts[-1] = replace(last, text=last.text + part.text)
            case Thinking(signature=None, extra=before), Thinking() if thought and not before and not part.extra:
                self.parts[-1] = replace(last, text=last.text + part.text, signature=part.signature)
            case _:
                self.parts.append(part)
                self.places.append(place)

    def message(self) -> Message:
        """The message."""
        return Message(self.role, tuple(self.parts), extra=self.extra)


def turns_of(fields: Fields) -> list[Turn]:
    """The turns, `systemInstruction` first; results of functions stand in a `tool` turn of their own."""
    ids = CallIds()
    turns: list[Turn] = []
    instruction = fields.take("systemInstruction")
    if instruction is not None:
        value = {"parts": [{"text": instruction}]} if isinstance(instruction, str) else instruction
        _add(turns, "system", value, fields.at("systemInstruction"), ids)
    for place, content in enumerate(fields.array("contents") or ()):
        path = f"{fields.at('contents')}[{place}]"
        _add(turns, _role(content, path), content, path, ids)
    return turns


def _role(content: Any, path: str) -> Role:
    role = content.get("role") if isinstance(content, Mapping) else None
    if role in (None, "", "user", "function", "tool"):
        return "user"
    if role in ("model", "assistant"):
        return "assistant"
    if role == "system":
        return "system"
    raise bad_field(f"{path}.role", 'must be "user" or "model"')


def _add(turns: list[Turn], role: Role, content: Any, path: str, ids: CallIds) -> None:
    fields = fields_of(content, path)
    fields.take("role")
    parts = fields.take("parts")
    if parts is not None and not isinstance(parts, list | Mapping):
        raise bad_field(fields.at("parts"), "must be an array")
    said = Turn(role, path)
    results = Turn("tool", path)
    for place, value in enumerate([parts] if isinstance(parts, Mapping) else parts or ()):
        at = f"{fields.at('parts')}[{place}]"
        before = turns[-1] if turns and turns[-1].role == said.role == "assistant" else said
        parsed = parse_part(value, at, ids)
        for part in parsed:
            target = results if isinstance(part, ToolResult) and role == "user" else before
            target.add(part, at, thought=isinstance(parsed[-1], Thinking) and value.get("thought") is True)
    said.extra = fields.extra(NAME)
    if results.parts:
        turns.append(results)
    continued = role == "assistant" and bool(turns) and turns[-1].role == "assistant"
    if not continued and (said.parts or said.extra or not results.parts):
        turns.append(said)
