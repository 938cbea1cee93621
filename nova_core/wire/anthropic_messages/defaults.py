"""A deployment's call defaults, in OpenAI's names or this dialect's, added to a Messages request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec

from nova_core.errors import BadRequestError
from nova_core.types.chat import Effort, Reasoning
from nova_core.types.message import Members, decoded
from nova_core.wire.anthropic_messages.schema import conforming
from nova_core.wire.anthropic_messages.thinking import thinking_budget

RENAMED: Final = {"max_completion_tokens": "max_tokens", "stop": "stop_sequences"}
CHOICES: Final = {"auto": "auto", "required": "any", "none": "none"}


def add(members: Members, defaults: Mapping[str, Any]) -> Members:
    """The members with each default whose field the caller left out.

    A name that neither API knows goes as it is: it is the upstream's business. Raises BadRequestError for a
    default that cannot be said, which names the default.
    """
    added = {name: value for name, value in members.items() if not _is_null(value)}
    stated = {name: value for name, value in defaults.items() if value is not None}
    for name, value in stated.items():
        if name not in ADD:
            listed = [value] if name == "stop" and isinstance(value, str) else value
            added.setdefault(RENAMED.get(name, name), listed)
    for name, add_default in ADD.items():
        if name in stated:
            add_default(added, stated[name])
    return added


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, msgspec.Raw) and bytes(value).strip() == b"null")


def _user(members: dict[str, Any], value: Any) -> None:
    members.setdefault("metadata", {"user_id": value})


def _reasoning_effort(members: dict[str, Any], value: Any) -> None:
    if "thinking" in members:
        return
    if value not in get_args(Effort):
        raise BadRequestError(f"the deployment's default reasoning_effort is not one of {', '.join(get_args(Effort))}")
    if value == "none":
        members["thinking"] = {"type": "disabled"}
        return
    budget = thinking_budget(Reasoning(effort=value), decoded(members.get("max_tokens")))
    if budget is not None:
        members["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _response_format(members: dict[str, Any], value: Any) -> None:
    config = decoded(members.get("output_config")) or {}
    stated = value.get("json_schema") if isinstance(value, Mapping) else None
    if "format" in config or "output_format" in members or not isinstance(stated, Mapping):
        return
    schema = conforming(stated.get("schema") or {})
    members["output_config"] = {**config, "format": {"type": "json_schema", "schema": schema}}


def _tool_choice(members: dict[str, Any], value: Any) -> None:
    if "tool_choice" in members or "tools" not in members:
        return
    if isinstance(value, str):
        members["tool_choice"] = {"type": CHOICES.get(value, value)}
    elif isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        members["tool_choice"] = {"type": "tool", "name": value["function"].get("name")}
    else:
        members["tool_choice"] = value


def _parallel_tool_calls(members: dict[str, Any], value: Any) -> None:
    choice = decoded(members.get("tool_choice")) or {"type": "auto"}
    if "tools" in members and choice.get("type") != "none":
        members["tool_choice"] = {"disable_parallel_tool_use": not value, **choice}


ADD: Final = {
    "user": _user,
    "reasoning_effort": _reasoning_effort,
    "response_format": _response_format,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _parallel_tool_calls,
}
