"""Chats for vendors whose tools are functions: what becomes of custom tools, and of their calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from nova_core.types.fidelity import Fate, FieldNote
from nova_core.types.message import Request

Schema = Mapping[str, Any]


def review_custom(request: Request) -> Iterator[FieldNote]:
    """Notes on what `with_functions_only` takes out of a request of chat completions, or says in other words."""
    for place, tool in enumerate(_objects(request.get("tools"))):
        if _is_custom(tool):
            yield FieldNote(f"tools[{place}]", Fate.LOST, "the vendor's tools are functions")
    for place, message in enumerate(_objects(request.get("messages"))):
        for number, call in enumerate(_objects(message.get("tool_calls"))):
            if _is_custom(call):
                said = "free text is sent as the argument `input`"
                yield FieldNote(f"messages[{place}].tool_calls[{number}].custom", Fate.APPROXIMATED, said)


def with_functions_only(request: Request) -> Request:
    """The request without custom tools, its calls of such ones as calls of functions."""
    changes: dict[str, Any] = {}
    tools, messages = request.get("tools"), request.get("messages")
    if any(map(_is_custom, _objects(tools))):
        changes["tools"] = [tool for tool in tools if not _is_custom(tool)]
    if any(_is_custom(call) for message in _objects(messages) for call in _objects(message.get("tool_calls"))):
        changes["messages"] = [_with_calls(message) for message in messages]
    return request.with_members(changes) if changes else request


def parameters_of(schema: Any) -> Iterator[tuple[str, Schema, bool]]:
    """The properties of a schema: name, what is said of each, whether it is required."""
    said = schema if isinstance(schema, Mapping) else {}
    properties, required = said.get("properties"), said.get("required")
    names = required if isinstance(required, list) else ()
    for name, told in properties.items() if isinstance(properties, Mapping) else ():
        yield name, told if isinstance(told, Mapping) else {}, name in names


def _with_calls(message: Any) -> Any:
    calls: Any = message.get("tool_calls") if isinstance(message, Mapping) else None
    if not any(map(_is_custom, _objects(calls))):
        return message
    return {**message, "tool_calls": [_as_function(call) if _is_custom(call) else call for call in calls]}


def _as_function(call: Mapping[str, Any]) -> dict[str, Any]:
    custom = call["custom"]
    arguments = msgspec.json.encode({"input": custom.get("input") or ""}).decode()
    return {"id": call.get("id"), "type": "function", "function": {"name": custom.get("name"), "arguments": arguments}}


def _is_custom(tool: Any) -> bool:
    return isinstance(tool, Mapping) and isinstance(tool.get("custom"), Mapping)


def _objects(value: Any) -> list[Any]:
    return [item if isinstance(item, Mapping) else {} for item in value] if isinstance(value, list) else []
