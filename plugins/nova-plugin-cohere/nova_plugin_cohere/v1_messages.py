"""Messages of the typed model as version 1 has them: what is asked, what was said before, and what tools answered."""

# https://docs.cohere.com/reference/chat-v1 and https://docs.cohere.com/v1/docs/multi-step-tool-use

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from nova_core.errors import BadRequestError
from nova_core.types.chat import ChatRequest, Image, Message, Part, RedactedThinking, Text, Thinking, ToolResult
from nova_core.wire.foreign_notes import ForeignNotes
from nova_plugin_cohere.messages import render_messages

Body = dict[str, Any]
ROLES: Final = {"assistant": "CHATBOT", "user": "USER", "system": "SYSTEM"}
NOTHING: Final = Text("")


def told(typed: ChatRequest, notes: ForeignNotes) -> Body:
    """`message`, `chat_history`, `preamble` and `tool_results`. Raises BadRequestError where nothing is asked."""
    messages = tuple(_of_text(message, f"messages[{place}]", notes) for place, message in enumerate(typed.messages))
    turns = list(_turns(render_messages(replace(typed, messages=messages), notes)))
    opening = next((place for place, turn in enumerate(turns) if turn["role"] != "SYSTEM"), len(turns))
    preamble = "\n\n".join(turn["message"] for turn in turns[:opening])
    *history, last = turns[opening:] or [{"role": None}]
    if last["role"] not in ("USER", "TOOL"):
        raise BadRequestError("a conversation ends with a question, or with what tools answered", param="messages")
    said: Body = {"message": last.get("message", "")}
    said |= {"tool_results": last["tool_results"]} if "tool_results" in last else {}
    said |= {"preamble": preamble} if preamble else {}
    return said | ({"chat_history": history} if history else {})


def _of_text(message: Message, path: str, notes: ForeignNotes) -> Message:
    """The message without what this version has no place for."""
    parts = (_said(part, f"{path}.content[{place}]", notes) for place, part in enumerate(message.parts))
    return replace(message, parts=tuple(parts))


def _said(part: Part, path: str, notes: ForeignNotes) -> Part:
    match part:
        case Image():
            notes.lost(path, "messages are text")
        case Thinking() | RedactedThinking():
            notes.hint(path, "thoughts of earlier answers are not replayed")
        case ToolResult():
            parts = (_said(each, f"{path}.content[{place}]", notes) for place, each in enumerate(part.parts))
            return replace(part, parts=tuple(parts))
        case _:
            return part
    return NOTHING


def _turns(messages: list[Body]) -> Iterator[Body]:
    """Turns of this version, of the messages of the next one; results that follow each other are one turn."""
    calls: dict[Any, Body] = {}
    results: list[Body] = []
    for message in messages:
        if message["role"] == "tool":
            if (call := calls.get(message["tool_call_id"])) is None:
                raise BadRequestError(f"nothing was called as {message['tool_call_id']!r}", param="messages")
            results.append({"call": call, "outputs": _outputs(message["content"])})
            continue
        if results:
            yield {"role": "TOOL", "tool_results": results}
            results = []
        made = {call["id"]: _call(call["function"]) for call in message.get("tool_calls") or ()}
        calls |= made
        said = {"role": ROLES[message["role"]], "message": _text(message.get("content") or "")}
        yield {**said, **({"tool_calls": list(made.values())} if made else {})}
    if results:
        yield {"role": "TOOL", "tool_results": results}


def _call(function: Mapping[str, Any]) -> Body:
    try:
        parameters = msgspec.json.decode(function["arguments"], type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise BadRequestError("arguments of a tool must be the JSON text of an object", param="messages") from error
    return {"name": function["name"], "parameters": parameters}


def _outputs(content: Any) -> list[Body]:
    """An object for each document, and one for the text, which may be the JSON of one."""
    documents = (
        [each["document"]["data"] for each in content if "document" in each] if isinstance(content, list) else []
    )
    text = _text(content)
    if not text and documents:
        return documents
    try:
        return [*documents, msgspec.json.decode(text, type=dict[str, Any])]
    except msgspec.DecodeError:
        return [*documents, {"text": text}]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(text for part in content if (text := part.get("text")))
