"""Typed messages into input items."""

from __future__ import annotations

from typing import Any

from nova_core.types.chat import Message, Opaque, Part, RedactedThinking, Thinking, ToolCall, ToolResult
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_responses.content import render_parts
from nova_core.wire.openai_responses.fields import INSTRUCTIONS, ITEM, NAME, new_id
from nova_core.wire.openai_responses.thoughts import of_the_vendor, reasoning_item

Body = dict[str, Any]
Placed = list[tuple[str, Part]]


def render_turns(messages: tuple[Message, ...], notes: Notes) -> tuple[str | None, list[Body]]:
    """The instructions, if the request came with some, and the items."""
    instructions: str | None = None
    items: list[Body] = []
    for number, message in enumerate(messages):
        path = f"messages[{number}]"
        own = message.extra.get(NAME, {})
        if INSTRUCTIONS in own:
            instructions = message.text
            continue
        writer = _Writer(message, path, notes)
        for place, part in enumerate(message.parts):
            writer.take(part, f"{path}.content[{place}]")
        items += writer.finished()
    return instructions, items


class _Writer:
    """The items of one message, in order."""

    __slots__ = ("_held", "_items", "_message", "_notes", "_path")

    def __init__(self, message: Message, path: str, notes: Notes) -> None:
        self._message = message
        self._path = path
        self._notes = notes
        self._held: Placed = []
        self._items: list[Body] = []

    def take(self, part: Part, path: str) -> None:
        """One part."""
        match part:
            case ToolCall():
                self._add(call_item(part), part, path)
            case ToolResult():
                self._add(self._result(part, path), part, path)
            case Thinking() | RedactedThinking():
                self._flush()
                if self._notes.own or of_the_vendor(part):
                    self._items.append(reasoning_item(part))
                else:
                    self._notes.hint(path, "earlier thinking cannot be sent back")
            case Opaque() if part.dialect == NAME and _is_item(part, self._message):
                self._flush()
                self._items.append(dict(part.raw))
            case _:
                if ITEM in getattr(part, "extra", {}).get(NAME, {}):
                    self._flush()
                self._held.append((path, part))

    def finished(self) -> list[Body]:
        """All items; extras of a whole message are on its last one."""
        self._flush()
        if self._message.name is not None:
            self._notes.hint(f"{self._path}.name")
        if self._items:
            self._notes.cache(self._items[-1], self._message.cache, self._path)
            self._notes.extra(self._items[-1], self._message.extra, self._path)
        return self._items

    def _add(self, item: Body, part: ToolCall | ToolResult, path: str) -> None:
        self._flush()
        self._notes.cache(item, part.cache, path)
        self._notes.extra(item, part.extra, path)
        self._items.append(item)

    def _flush(self) -> None:
        if not self._held:
            return
        held, self._held = self._held, []
        role = "user" if self._message.role == "tool" else self._message.role
        content: Any = render_parts(held, self._notes, said=role == "assistant")
        first = getattr(held[0][1], "extra", {}).get(NAME, {}).get(ITEM, {})
        if role == "assistant":
            first = {"id": new_id("msg"), "status": "completed", **first}
        elif len(content) == 1 and content[0].keys() == {"type", "text"}:
            content = content[0]["text"]
        if content:
            self._items.append({"type": "message", "role": role, "content": content, **first})

    def _result(self, part: ToolResult, path: str) -> Body:
        content: Any = render_parts([(f"{path}.content[{n}]", p) for n, p in enumerate(part.parts)], self._notes)
        if all(body["type"] == "input_text" for body in content):
            content = "\n".join(body["text"] for body in content)
        if part.is_error:
            self._notes.approximated(f"{path}.is_error", 'said by "Error:" in front of the text')
            said = isinstance(content, str) and not content.lower().startswith("error")
            content = f"Error: {content}" if said else content
        elif part.is_error is False:
            self._notes.hint(f"{path}.is_error")
        # A custom tool's output has its own type, which only the call it answers tells.
        return {"type": "function_call_output", "call_id": part.call_id, "output": content}


def call_item(part: ToolCall) -> Body:
    """A tool call without extras."""
    if part.custom:
        return {"type": "custom_tool_call", "call_id": part.id, "name": part.name, "input": part.arguments}
    return {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments}


def _is_item(part: Opaque, message: Message) -> bool:
    """Whether a kept part is an item of its own, and not content of a message."""
    kind = part.raw.get("type")
    return message.role in ("assistant", "tool") or not isinstance(kind, str) or not kind.startswith("input_")
