"""Answers after a JSON schema, asked of models that only know it from tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.types.message import Request
from nova_core.wire.mended_answers import with_choices

NAME = "json_tool_call"
CHOICE: Mapping[str, Any] = {"type": "function", "function": {"name": NAME}}
SPOKEN = b'"tool_choice":' + msgspec.json.encode(CHOICE)


def wants_schema(request: Request) -> bool:
    """Whether the answer is to follow a JSON schema."""
    wanted = request.get("response_format")
    return isinstance(wanted, Mapping) and wanted.get("type") == "json_schema"


def has_tools(request: Request) -> bool:
    """Whether the request, of any dialect, brings tools of its own."""
    return bool(request.get("tools"))


def through_tool(request: Request) -> Request:
    """The request with the schema as the arguments of the only tool, which must be called."""
    wanted = request.get("response_format").get("json_schema")
    wanted = wanted if isinstance(wanted, Mapping) else {}
    function = {
        "name": NAME,
        "description": wanted.get("description") or "Gives the answer.",
        "parameters": wanted.get("schema") or {"type": "object"},
    }
    tools = [{"type": "function", "function": function}]
    return request.without("response_format").with_members({"tools": tools, "tool_choice": CHOICE})


def was_asked(request: Request, body: bytes) -> bool:
    """Whether `body` asks `request` through the tool."""
    return SPOKEN in body and not has_tools(request)


class JsonToolMender:
    """The arguments of the tool become the content."""

    def concerns(self, data: bytes) -> bool:
        """Calls, and the finish reason that goes with them."""
        return b'"tool_calls"' in data

    def mended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer as if it had been said."""
        return with_choices(answer, _choice)


def _choice(choice: dict[str, Any], part: str, said: Mapping[str, Any]) -> dict[str, Any]:
    calls = said.get("tool_calls")
    spoken = {**choice, "finish_reason": "stop"} if choice.get("finish_reason") == "tool_calls" else dict(choice)
    if isinstance(calls, list) and calls:
        arguments = "".join(filter(None, map(_arguments, calls)))
        text = (said.get("content") or "") + arguments
        spoken[part] = {**{name: value for name, value in said.items() if name != "tool_calls"}, "content": text}
    return spoken


def _arguments(call: Any) -> str:
    function = call.get("function") if isinstance(call, Mapping) else None
    arguments = function.get("arguments") if isinstance(function, Mapping) else None
    return arguments if isinstance(arguments, str) else ""
