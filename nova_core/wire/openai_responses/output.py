"""Output items into parts of an answer, and parts into output items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nova_core.types.chat import (
    Audio,
    Opaque,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from nova_core.wire.openai_chat.notes import add_members
from nova_core.wire.openai_responses.content import text_body
from nova_core.wire.openai_responses.drawn import drawn_item
from nova_core.wire.openai_responses.fields import ITEM, NAME, new_id
from nova_core.wire.openai_responses.items import parse_turns
from nova_core.wire.openai_responses.thoughts import reasoning_item
from nova_core.wire.openai_responses.turns import call_item

Body = dict[str, Any]
PREFIXES: Mapping[str, str] = {"message": "msg", "function_call": "fc", "custom_tool_call": "ctc", "reasoning": "rs"}


def parse_output(output: list[Any]) -> tuple[Part, ...]:
    """The parts of all items. Raises BadRequestError for an item that is none."""
    items = [_with_content(item) for item in output if isinstance(item, Mapping)]
    return tuple(part for turn in parse_turns({"input": items}) for part in turn.parts)


def _with_content(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The item; a message that was stopped before its first word may have none."""
    return {**item, "content": []} if item.get("type") == "message" and item.get("content") is None else item


def logprobs_of(output: list[Any]) -> Mapping[str, Any] | None:
    """The log probabilities of all texts, as chat completions state them; None when there are none."""
    found: list[Any] = []
    for item in output:
        content = item.get("content") if isinstance(item, Mapping) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, Mapping) and isinstance(part.get("logprobs"), list):
                found += part["logprobs"]
    return {"content": found, "refusal": None} if found else None


def tokens_of(logprobs: Mapping[str, Any] | None) -> list[Body]:
    """The tokens of a chat completion's `logprobs`; each has the bytes that this API requires."""
    return [
        {**_token(token), "top_logprobs": list(map(_token, _objects(token.get("top_logprobs"))))}
        for token in _objects((logprobs or {}).get("content"))
    ]


def _objects(found: Any) -> list[Mapping[str, Any]]:
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _token(token: Mapping[str, Any]) -> Body:
    spelled = token.get("bytes")
    return {**token, "bytes": list(str(token.get("token", "")).encode()) if spelled is None else spelled}


def render_output(parts: tuple[Part, ...], logprobs: Mapping[str, Any] | None, status: str) -> list[Body]:
    """The items of an answer; texts and refusals in a row are one message, the last of which has `status`."""
    items: list[Body] = []
    texts: list[Body] = []
    for part in parts:
        if isinstance(part, Text | Refusal | Audio):
            content = _content(part)
            if content is None:
                continue
            if content["type"] == "output_text":
                content["logprobs"] = []
                texts.append(content)
            began = part.extra.get(NAME, {}).get(ITEM)
            if not items or items[-1]["type"] != "message" or began is not None:
                items.append(message_item([], began or {}))
            items[-1]["content"].append(content)
        else:
            items += _items(part)
    if texts:
        texts[-1]["logprobs"] = tokens_of(logprobs)
    if items and status == "incomplete" and items[-1]["type"] == "message":
        items[-1]["status"] = "incomplete"
    return items


def message_item(content: list[Body], known: Mapping[str, Any], *, status: str = "completed") -> Body:
    """An assistant's message; `known` are members that it had already."""
    return {"id": new_id("msg"), "type": "message", "role": "assistant", "status": status, **known, "content": content}


def _content(part: Text | Refusal | Audio) -> Body | None:
    match part:
        case Refusal():
            return {"type": "refusal", "refusal": part.text} if part.text else None
        case Audio():
            return text_body(Text(part.transcript)) if part.transcript else None
        case Text():
            is_empty = not part.text and not part.citations and NAME not in part.extra
            body = text_body(part)
            add_members(body, {n: v for n, v in part.extra.get(NAME, {}).items() if n != ITEM})
            return None if is_empty else body


def _items(part: Part) -> Iterator[Body]:
    match part:
        case Thinking() if part.text or part.signature or part.extra:
            yield reasoning_item(part)
        case RedactedThinking():
            yield reasoning_item(part)
        case ToolCall():
            item = {"id": new_id("ctc" if part.custom else "fc"), **call_item(part), "status": "completed"}
            yield {**item, **part.extra.get(NAME, {})}
        case Opaque() if part.dialect == NAME:
            yield dict(part.raw)
        case Opaque() if (image := drawn_item(part)) is not None:
            yield image
        case _:
            return
