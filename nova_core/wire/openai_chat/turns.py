"""Typed messages into OpenAI messages.

A thought of another dialect is said only where a provider that takes its own thoughts back marked it as one of this
dialect, with an entry in its `extra`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nova_core.types.chat import (
    Audio,
    Message,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from nova_core.wire.openai_chat.content import render_part
from nova_core.wire.openai_chat.fields import NAME
from nova_core.wire.openai_chat.notes import Notes

Body = dict[str, Any]


def render_messages(messages: tuple[Message, ...], notes: Notes) -> list[Body]:
    """All messages. Media inside tool results follows in a user message, after the whole run of results."""
    rendered: list[Body] = []
    moved: list[Body] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        results = [(place, part) for place, part in enumerate(message.parts) if isinstance(part, ToolResult)]
        if moved and not results:
            rendered.append({"role": "user", "content": moved})
            moved = []
        for place, part in results:
            at = path if notes.own and len(message.parts) == 1 else f"{path}.content[{place}]"
            rendered.append(_tool_message(part, message, at, notes, moved))
        if len(results) < len(message.parts) or message.role != "tool":
            rendered.append(_message(message, path, notes))
    if moved:
        rendered.append({"role": "user", "content": moved})
    return rendered


def _message(message: Message, path: str, notes: Notes) -> Body:
    body: Body = {"role": "user" if message.role == "tool" else message.role}
    if message.role == "assistant":
        _fill_assistant(body, message, path, notes)
    else:
        parts = [(place, part) for place, part in enumerate(message.parts) if not isinstance(part, ToolResult)]
        body["content"] = _content(parts, path, notes)
    if message.name is not None:
        body["name"] = message.name
    notes.cache(body, message.cache, path)
    notes.extra(body, message.extra, path)
    return body


def _content(parts: Sequence[tuple[int, Part]], path: str, notes: Notes) -> str | list[Body]:
    rendered = [render_part(part, f"{path}.content[{place}]", notes) for place, part in parts]
    bodies = [body for body in rendered if body is not None]
    if not bodies:
        return ""
    if len(bodies) == 1 and bodies[0].keys() == {"type", "text"} and bodies[0]["type"] == "text":
        return str(bodies[0]["text"])
    return bodies


def _fill_assistant(body: Body, message: Message, path: str, notes: Notes) -> None:
    content: list[tuple[int, Part]] = []
    thinking: list[Thinking | RedactedThinking] = []
    replayed: list[str] = []
    calls: list[Body] = []
    for place, part in enumerate(message.parts):
        at = f"{path}.content[{place}]"
        if isinstance(part, ToolCall):
            calls.append(_tool_call(part, at, notes))
        elif isinstance(part, Thinking | RedactedThinking) and notes.own:
            thinking.append(part)
        elif isinstance(part, Thinking) and NAME in part.extra:
            replayed.append(part.text)
        elif isinstance(part, Audio) and part.id is not None:
            body["audio"] = {"id": part.id}
        elif not isinstance(part, ToolResult):
            if calls and isinstance(part, Text):
                notes.approximated(at, "text goes before the tool calls of its message")
            content.append((place, part))
    if content and all(isinstance(part, Refusal) for _, part in content):
        body["content"] = None
        body["refusal"] = "".join(part.text for _, part in content if isinstance(part, Refusal))
    elif content:
        body["content"] = _content(content, path, notes)
    else:
        body["content"] = None if calls or "audio" in body else ""
    if calls:
        body["tool_calls"] = calls
    if thinking:
        body.update(thinking_members(thinking))
    elif replayed:
        body["reasoning_content"] = "".join(replayed)
    raw = [dict(cited.raw) for part in message.parts if isinstance(part, Text) for cited in part.citations]
    if raw and notes.own:
        body["annotations"] = raw


def thinking_members(parts: list[Thinking | RedactedThinking]) -> Body:
    """`reasoning_content`, and `thinking_blocks` where the blocks say more (a signature, redacted data)."""
    text = "".join(part.text for part in parts if isinstance(part, Thinking))
    members: Body = {"reasoning_content": text} if text else {}
    first = parts[0]
    if len(parts) > 1 or isinstance(first, RedactedThinking) or first.signature is not None or first.extra:
        members["thinking_blocks"] = [_thinking_block(part) for part in parts]
    return members


def _thinking_block(part: Thinking | RedactedThinking) -> Body:
    if isinstance(part, RedactedThinking):
        return {"type": "redacted_thinking", "data": part.data}
    block: Body = {"type": "thinking", "thinking": part.text}
    if part.signature is not None:
        block["signature"] = part.signature
    return block


def call_body(part: ToolCall) -> Body:
    """A tool call without extras: `{id, type: "function", function: {name, arguments}}`, or a custom one."""
    if part.custom:
        return {"id": part.id, "type": "custom", "custom": {"name": part.name, "input": part.arguments}}
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}


def _tool_call(part: ToolCall, path: str, notes: Notes) -> Body:
    body = call_body(part)
    notes.cache(body, part.cache, path)
    notes.extra(body, part.extra, path)
    return body


def _tool_message(result: ToolResult, message: Message, path: str, notes: Notes, moved: list[Body]) -> Body:
    content: str | list[Body]
    if notes.own:
        content = _content(list(enumerate(result.parts)), path, notes)
    else:
        content = _plain_result(result, path, notes, moved)
    body: Body = {"role": "tool", "tool_call_id": result.call_id, "content": content}
    if result.name is not None:
        body["name"] = result.name
    if result.is_error is not None and notes.own:
        body["is_error"] = result.is_error
    elif result.is_error is False:
        notes.hint(f"{path}.is_error")
    notes.cache(body, result.cache or message.cache, path)
    notes.extra(body, result.extra, path)
    if len(message.parts) == 1:
        notes.extra(body, message.extra, path)
    return body


def _plain_result(result: ToolResult, path: str, notes: Notes, moved: list[Body]) -> str:
    """The result as text, which is all a tool message takes; other parts go to `moved`."""
    texts: list[str] = []
    media: list[Body] = []
    for place, part in enumerate(result.parts):
        at = f"{path}.content[{place}]"
        body = render_part(part, at, notes)
        if body is None:
            continue
        if body["type"] == "text":
            texts.append(str(body["text"]))
            continue
        notes.approximated(at, "sent in a user message after the tool results, which hold only text")
        media.append(body)
    if media:
        moved += [{"type": "text", "text": f"Output of tool call {result.call_id}:"}, *media]
        texts = texts or ["The output is in the next user message."]
    text = "\n".join(texts)
    if result.is_error:
        notes.approximated(f"{path}.is_error", 'said by "Error:" in front of the text')
        text = text if text.lower().startswith("error") else f"Error: {text}"
    return text
