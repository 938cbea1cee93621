"""Joins the chunks of a streamed chat completion into the reply that a call without a stream gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

JsonObject = dict[str, Any]


def assemble(chunks: Sequence[JsonObject]) -> JsonObject:
    """`chat.completion.chunk` objects in, one `chat.completion` out; `usage` is the model's own count."""
    head = chunks[0]
    reply: JsonObject = {
        "id": head["id"],
        "object": "chat.completion",
        "created": head["created"],
        "model": head["model"],
        "choices": [_choice([chunk["choices"][0] for chunk in chunks if chunk["choices"]])],
    }
    usage = next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), None)
    return reply if usage is None else reply | {"usage": usage}


def _choice(parts: Sequence[JsonObject]) -> JsonObject:
    deltas = [part["delta"] for part in parts]
    message: JsonObject = {"role": "assistant", "content": _text(deltas, "content")}
    if reasoning := _text(deltas, "reasoning_content"):
        message["reasoning_content"] = reasoning
    if calls := _tool_calls(deltas):
        message["tool_calls"] = calls
        message["content"] = message["content"] or None
    finish = next((part["finish_reason"] for part in reversed(parts) if part.get("finish_reason")), None)
    choice: JsonObject = {"index": 0, "message": message, "finish_reason": finish}
    if tokens := [token for part in parts for token in (part.get("logprobs") or {}).get("content") or ()]:
        choice["logprobs"] = {"content": tokens}
    return choice


def _text(deltas: Sequence[JsonObject], name: str) -> str:
    return "".join(delta.get(name) or "" for delta in deltas)


def _tool_calls(deltas: Sequence[JsonObject]) -> list[JsonObject]:
    calls: dict[int, JsonObject] = {}
    for part in (part for delta in deltas for part in delta.get("tool_calls") or ()):
        call = calls.setdefault(
            part["index"], {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        )
        call["id"] = part.get("id") or call["id"]
        function = part.get("function") or {}
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""
    return [calls[index] for index in sorted(calls)]
