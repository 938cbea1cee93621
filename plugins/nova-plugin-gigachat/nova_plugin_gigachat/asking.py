"""Chat requests in GigaChat's words: functions in place of tools, one call a turn."""

# https://developers.sber.ru/docs/ru/gigachat/api/reference/rest/post-chat

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from nova_core.errors import BadRequestError
from nova_core.types.message import Request, plain
from nova_core.wire.enveloped import Body, text_of
from nova_plugin_gigachat.uploads import is_data

EFFORTS: Mapping[str, str] = {"minimal": "low", "xhigh": "high", "max": "high"}
"""Efforts that are said by the nearest that there is."""
NOT_SENT = ("tools", "tool_choice", "parallel_tool_calls", "stream_options")
ROLES: Mapping[str, str] = {"developer": "system"}


def rendered(request: Request) -> Body:
    """The body of a request. Raises BadRequestError for arguments of calls that are no JSON object."""
    members = plain(request.members)
    body = {name: value for name, value in members.items() if name not in NOT_SENT}
    body["messages"] = list(_messages(members.get("messages") or ()))
    if functions := [_function(tool) for tool in members.get("tools") or ()]:
        body["functions"] = functions
        body |= _choice(members.get("tool_choice"), functions)
    if (effort := members.get("reasoning_effort")) is not None:
        body["reasoning_effort"] = EFFORTS.get(effort, effort) if isinstance(effort, str) else effort
    if (wanted := members.get("response_format")) is not None:
        body.pop("response_format")
        body |= _format(wanted)
    return body


def can_choose(choice: Any, tools: Any) -> bool:
    """Whether a `tool_choice` can be said: any call of several functions cannot be demanded."""
    return choice != "required" or (isinstance(tools, list) and len(tools) == 1)


def _function(tool: Mapping[str, Any]) -> Body:
    function = {name: value for name, value in tool["function"].items() if name != "strict"}
    return {"parameters": {"type": "object", "properties": {}}, **function}


def _choice(choice: Any, functions: list[Body]) -> Body:
    if isinstance(choice, Mapping):
        return {"function_call": {"name": (choice.get("function") or {}).get("name")}}
    if choice == "required" and len(functions) == 1:
        return {"function_call": {"name": functions[0]["name"]}}
    return {"function_call": "none" if choice == "none" else "auto"}


def _format(wanted: Mapping[str, Any]) -> Body:
    if wanted.get("type") != "json_schema":
        return {}
    schema = wanted.get("json_schema") or {}
    strict = {"strict": schema["strict"]} if schema.get("strict") is not None else {}
    return {"response_format": {"type": "json_schema", "schema": schema.get("schema") or {}, **strict}}


def _messages(messages: Any) -> Iterator[Body]:
    """Turns with several calls become several turns, each followed by its result."""
    results = {each.get("tool_call_id"): each for each in messages if each.get("role") == "tool"}
    called: set[str] = set()
    for place, message in enumerate(messages):
        role = message.get("role")
        calls = message.get("tool_calls") or ()
        if role in ("tool", "function"):
            if message.get("tool_call_id") not in called:
                yield _result(message.get("name") or "", message)
        elif not calls:
            yield _said(message, ROLES.get(role, role))
        for number, call in enumerate(calls):
            function = call["function"]
            spoken: Body = _said(message, "assistant") if number == 0 else {"role": "assistant", "content": ""}
            path = f"messages[{place}].tool_calls[{number}].function.arguments"
            spoken["function_call"] = {
                "name": function["name"],
                "arguments": _arguments(function.get("arguments"), path),
            }
            yield spoken | _state(call.get("id"))
            if (result := results.get(call.get("id"))) is not None:
                called.add(call["id"])
                yield _result(function["name"], result)


def _said(message: Mapping[str, Any], role: str) -> Body:
    content = message.get("content")
    parts = content if isinstance(content, list) else ()
    files = [name for part in parts if isinstance(part, Mapping) and (name := attached(part)) is not None]
    body: Body = {"role": role, "content": text_of(content)}
    return body | ({"attachments": files} if files else {})


def attached(part: Mapping[str, Any]) -> str | None:
    """The file that a part names, or the data of an image that is to be uploaded."""
    kind = part.get("type")
    if kind == "file":
        return (part.get("file") or {}).get("file_id")
    url = (part.get("image_url") or {}).get("url") if kind == "image_url" else None
    return url if is_data(url) else None


def _state(call_id: Any) -> Body:
    """The id of a call, if it is one that this API gave."""
    try:
        return {"functions_state_id": str(UUID(call_id))}
    except (ValueError, AttributeError, TypeError):
        return {}


def _result(name: str, message: Mapping[str, Any]) -> Body:
    """Results are the text of a JSON value."""
    text = text_of(message.get("content"))
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        text = msgspec.json.encode({"result": text}).decode()
    return {"role": "function", "name": name, "content": text}


def _arguments(text: Any, path: str) -> Body:
    try:
        found = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, TypeError) as error:
        raise BadRequestError(f"`{path}` must be the JSON text of an object", param=path) from error
    if not isinstance(found, dict):
        raise BadRequestError(f"`{path}` must be the JSON text of an object", param=path)
    return found
