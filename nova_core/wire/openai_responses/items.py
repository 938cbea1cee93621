"""Input items into turns of the typed model (OpenAI API reference, "Responses", input)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from nova_core.types.chat import Extra, Message, Opaque, Part, Role, ToolCall, ToolResult
from nova_core.wire.openai_chat.fields import Fields, bad_field
from nova_core.wire.openai_responses.content import parse_content
from nova_core.wire.openai_responses.fields import INSTRUCTIONS, ITEM, NAME
from nova_core.wire.openai_responses.thoughts import parse_reasoning

ROLES = ("system", "developer", "user", "assistant")


@dataclass(slots=True)
class Turn:
    """One message under construction: its parts, and the path in the request of each and of itself."""

    role: Role
    path: str
    parts: list[Part] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    extra: Extra = field(default_factory=dict)

    def add(self, part: Part, path: str) -> None:
        self.parts.append(part)
        self.paths.append(path)

    def message(self) -> Message:
        """The finished message."""
        return Message(self.role, tuple(self.parts), extra=self.extra)


def parse_turns(members: Mapping[str, Any]) -> list[Turn]:
    """`instructions` and `input` as turns: what an assistant said, thought and called in a row is one.

    Raises BadRequestError with the field's path.
    """
    turns = _Turns()
    instructions = members.get("instructions")
    if isinstance(instructions, str):
        turn = turns.open("system", "instructions", {NAME: {INSTRUCTIONS: True}})
        turn.add(parse_content(instructions, "instructions")[0], "instructions")
    elif instructions is not None:
        raise bad_field("instructions", "must be a string")
    given = members.get("input")
    if isinstance(given, str):
        turns.open("user", "input").add(parse_content(given, "input")[0], "input")
    elif isinstance(given, list):
        for place, item in enumerate(given):
            turns.take(item, f"input[{place}]")
    elif given is not None:
        raise bad_field("input", "must be a string or an array of items")
    return turns.found


class _Turns:
    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[Turn] = []

    def open(self, role: Role, path: str, extra: Extra | None = None) -> Turn:
        """A new turn."""
        self.found.append(Turn(role, path, extra=extra or {}))
        return self.found[-1]

    def last(self, role: Role, path: str) -> Turn:
        """The latest turn if it is of this role, else a new one."""
        return self.found[-1] if self.found and self.found[-1].role == role else self.open(role, path)

    def take(self, value: Any, path: str) -> None:
        """One item."""
        fields = Fields(value, path)
        kind = fields.text("type") or ("message" if "role" in value else "item_reference")
        parse = _PARSERS.get(kind)
        if parse is not None:
            parse(self, fields)
            return
        role: Role = "user" if kind.endswith(("_output", "_response", "_reference", "_trigger")) else "assistant"
        self.last(role, path).add(Opaque(NAME, value), path)

    def message(self, fields: Fields) -> None:
        role = fields.text("role")
        if role not in ROLES:
            raise bad_field(fields.at("role"), f"must be one of {', '.join(ROLES)}")
        content = fields.take("content")
        if content is None:
            raise bad_field(fields.at("content"), "is required: a string or an array of content parts")
        parts = parse_content(content, fields.at("content"))
        left = fields.left()
        if role == "assistant":
            turn = self.last("assistant", fields.path)
            parts = _beginning_an_item(parts, left)
        else:
            turn = self.open(cast(Role, role), fields.path, {NAME: left} if left else {})
        for place, part in enumerate(parts):
            turn.add(part, f"{fields.at('content')}[{place}]" if isinstance(content, list) else fields.at("content"))

    def reasoning(self, fields: Fields) -> None:
        item = {"type": "reasoning", **fields.left()}
        self.last("assistant", fields.path).add(parse_reasoning(item), fields.path)

    def function_call(self, fields: Fields) -> None:
        self._call(fields, "arguments", custom=False)

    def custom_call(self, fields: Fields) -> None:
        self._call(fields, "input", custom=True)

    def output(self, fields: Fields) -> None:
        call_id = fields.required_text("call_id")
        said = fields.take("output")
        if said is None:
            raise bad_field(fields.at("output"), "is required: a string or an array of content parts")
        parts = parse_content(said, fields.at("output")) if said != "" else ()
        name = fields.text("name")
        result = ToolResult(call_id, parts, name=name, extra=fields.extra(NAME))
        self.last("tool", fields.path).add(result, fields.path)

    def _call(self, fields: Fields, said: str, *, custom: bool) -> None:
        call_id, name, text = fields.required_text("call_id"), fields.required_text("name"), fields.text(said)
        call = ToolCall(call_id, name, text or "", custom=custom, extra=fields.extra(NAME))
        self.last("assistant", fields.path).add(call, fields.path)


def _beginning_an_item(parts: tuple[Part, ...], left: Mapping[str, Any]) -> tuple[Part, ...]:
    """Parts of an assistant's message, the first of which says that an item began there, and what else it said."""
    if not parts or isinstance(parts[0], Opaque):
        return parts
    first = parts[0]
    own = {**first.extra.get(NAME, {}), ITEM: dict(left)}
    return (replace(first, extra={**first.extra, NAME: own}), *parts[1:])


_PARSERS: Mapping[str, Callable[[_Turns, Fields], None]] = {
    "message": _Turns.message,
    "reasoning": _Turns.reasoning,
    "function_call": _Turns.function_call,
    "function_call_output": _Turns.output,
    "custom_tool_call": _Turns.custom_call,
    "custom_tool_call_output": _Turns.output,
}
