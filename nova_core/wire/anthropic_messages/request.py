"""Requests of the Messages API: the required fields, and the typed view."""

# https://platform.claude.com/docs/en/api/messages/create and …/messages/count_tokens

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec

from nova_core.types.chat import (
    ChatRequest,
    Effort,
    HostedTool,
    Message,
    Part,
    Reasoning,
    ResponseFormat,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
)
from nova_core.types.message import Members, decoded
from nova_core.wire.anthropic_messages.content import parse_content
from nova_core.wire.anthropic_messages.fields import (
    NAME,
    array,
    boolean,
    extra_of,
    given,
    integer,
    mapping,
    number,
    parse_cache,
    string,
    wrong,
)

KNOWN: Final = frozenset(
    {
        "model", "messages", "max_tokens", "system", "tools", "tool_choice", "stop_sequences", "temperature",
        "top_p", "top_k", "metadata", "thinking", "output_config", "output_format", "service_tier", "stream",
        "cache_control",
    }
)  # fmt: skip
SERVICE_TIERS: Final = {"standard_only": "default"}


def check(members: Members, *, max_tokens_required: bool) -> None:
    """Check the fields the vendor requires. Raises BadRequestError naming `param`."""
    model = decoded(members.get("model"))
    if not isinstance(model, str) or not model:
        raise wrong("model", "a non-empty string")
    if "messages" not in members or not non_empty_array(members["messages"]):
        raise wrong("messages", "a non-empty array")
    if max_tokens_required or "max_tokens" in members:
        # 0 warms the prompt cache without an answer.
        integer(decoded(members.get("max_tokens")), "max_tokens")


def non_empty_array(value: Any) -> bool:
    """Whether a member is an array with something in it, without decoding it."""
    if isinstance(value, msgspec.Raw):
        text = bytes(value).strip()
        return text.startswith(b"[") and text[1:-1].strip() != b""
    return isinstance(value, list) and bool(value)


def parse(members: Mapping[str, Any]) -> ChatRequest:
    """The typed view. Its `extra` always has this dialect's key, empty or not, which says where it came from."""
    metadata = mapping(members["metadata"], "metadata") if given(members, "metadata") else {}
    tool_choice, parallel = _tool_choice(members)
    stop = array(members["stop_sequences"], "stop_sequences") if given(members, "stop_sequences") else []
    tools = array(members["tools"], "tools") if given(members, "tools") else []
    tier = string(members["service_tier"], "service_tier") if given(members, "service_tier") else None
    left = {name: value for name, value in members.items() if name not in KNOWN}
    reasoning, thinking_left = _reasoning(members)
    response_format, output_left = _response_format(members)
    left |= thinking_left | output_left
    other_metadata = {name: value for name, value in metadata.items() if name != "user_id"}
    return ChatRequest(
        model=string(members.get("model"), "model"),
        messages=_messages(members),
        tools=tuple(_tool(tool, f"tools[{place}]") for place, tool in enumerate(tools)),
        tool_choice=tool_choice,
        parallel_tool_calls=parallel,
        max_tokens=integer(members["max_tokens"], "max_tokens") if given(members, "max_tokens") else None,
        temperature=number(members["temperature"], "temperature") if given(members, "temperature") else None,
        top_p=number(members["top_p"], "top_p") if given(members, "top_p") else None,
        top_k=integer(members["top_k"], "top_k") if given(members, "top_k") else None,
        stop=tuple(string(text, f"stop_sequences[{place}]") for place, text in enumerate(stop)),
        response_format=response_format,
        reasoning=reasoning,
        user=string(metadata["user_id"], "metadata.user_id") if given(metadata, "user_id") else None,
        metadata=other_metadata or None,
        service_tier=SERVICE_TIERS.get(tier, tier) if tier else None,
        stream=boolean(members["stream"], "stream") if given(members, "stream") else False,
        cache=parse_cache(members, ""),
        extra={NAME: left},
    )


def _messages(members: Mapping[str, Any]) -> tuple[Message, ...]:
    messages: list[Message] = []
    if given(members, "system"):
        system = parse_content(members["system"], "system")
        for place, part in enumerate(system):
            if not isinstance(part, Text):
                raise wrong(f"system[{place}].type", '"text"')
        messages.append(Message("system", system))
    turns = array(members.get("messages"), "messages")
    for place, turn in enumerate(turns):
        messages.extend(_turn(mapping(turn, f"messages[{place}]"), f"messages[{place}]"))
    return tuple(messages)


def _turn(turn: dict[str, Any], path: str) -> list[Message]:
    """One turn; the tool results of a user turn become a `tool` message before what else it says."""
    role = turn.get("role")
    parts = parse_content(turn.get("content"), f"{path}.content")
    extra = extra_of(turn, ("role", "content"))
    match role:
        case "assistant":
            return [Message("assistant", parts, extra=extra)]
        case "system":
            return [Message("system", parts, extra=extra)]
        case "user":
            results: tuple[Part, ...] = tuple(part for part in parts if isinstance(part, ToolResult))
            others = tuple(part for part in parts if not isinstance(part, ToolResult))
            messages = [Message("tool", results)] if results else []
            if others or not results or extra:
                messages.append(Message("user", others, extra=extra))
            return messages
        case _:
            raise wrong(f"{path}.role", '"user", "assistant" or "system"')


def _tool(value: Any, path: str) -> Tool | HostedTool:
    raw = mapping(value, path)
    if raw.get("type") not in (None, "custom"):
        return HostedTool(NAME, raw)
    return Tool(
        string(raw.get("name"), f"{path}.name"),
        description=string(raw["description"], f"{path}.description") if given(raw, "description") else None,
        schema=mapping(raw.get("input_schema"), f"{path}.input_schema"),
        strict=boolean(raw["strict"], f"{path}.strict") if given(raw, "strict") else None,
        cache=parse_cache(raw, path),
        extra=extra_of(raw, ("type", "name", "description", "input_schema", "strict", "cache_control")),
    )


def _tool_choice(members: Mapping[str, Any]) -> tuple[ToolChoice | None, bool | None]:
    """`tool_choice`, and whether several tools may be called at once."""
    if not given(members, "tool_choice"):
        return None, None
    raw = mapping(members["tool_choice"], "tool_choice")
    parallel = None
    if given(raw, "disable_parallel_tool_use"):
        parallel = not boolean(raw["disable_parallel_tool_use"], "tool_choice.disable_parallel_tool_use")
    extra = extra_of(raw, ("type", "name", "disable_parallel_tool_use"))
    match raw.get("type"):
        case "auto":
            return ToolChoice("auto", extra=extra), parallel
        case "any":
            return ToolChoice("required", extra=extra), parallel
        case "none":
            return ToolChoice("none", extra=extra), parallel
        case "tool":
            return ToolChoice("named", string(raw.get("name"), "tool_choice.name"), extra=extra), parallel
    raise wrong("tool_choice.type", '"auto", "any", "tool" or "none"')


def _reasoning(members: Mapping[str, Any]) -> tuple[Reasoning | None, dict[str, Any]]:
    """`thinking` with `output_config.effort`, and what of `thinking` has no typed word."""
    effort = None
    if given(members, "output_config"):
        stated = mapping(members["output_config"], "output_config").get("effort")
        if stated is not None and stated not in get_args(Effort):
            raise wrong("output_config.effort", "one of " + ", ".join(get_args(Effort)))
        effort = stated
    if not given(members, "thinking"):
        return (Reasoning(effort=effort) if effort else None), {}
    raw = mapping(members["thinking"], "thinking")
    mode = string(raw.get("type"), "thinking.type")
    if mode not in ("enabled", "disabled", "adaptive"):
        return (Reasoning(effort=effort) if effort else None), {"thinking": raw}
    budget = None
    if mode == "enabled":
        budget = integer(raw.get("budget_tokens"), "thinking.budget_tokens", 1)
    display = string(raw["display"], "thinking.display") if given(raw, "display") else None
    left = {name: value for name, value in raw.items() if name not in ("type", "budget_tokens", "display")}
    reasoning = Reasoning(effort=effort, budget=budget, mode=mode, summary=display)  # type: ignore[arg-type]
    return reasoning, {"thinking": left} if left else {}


def _response_format(members: Mapping[str, Any]) -> tuple[ResponseFormat | None, dict[str, Any]]:
    """`output_config.format` (or its older name `output_format`), and what else `output_config` says."""
    config = mapping(members["output_config"], "output_config") if given(members, "output_config") else {}
    left = {name: value for name, value in config.items() if name not in ("effort", "format")}
    path = "output_config.format" if given(config, "format") else "output_format"
    stated = config.get("format") if given(config, "format") else members.get("output_format")
    extra = {"output_config": left} if left else {}
    if stated is None:
        return None, extra
    raw = mapping(stated, path)
    if raw.get("type") != "json_schema":
        raise wrong(f"{path}.type", '"json_schema"')
    return ResponseFormat("json_schema", schema=mapping(raw.get("schema"), f"{path}.schema")), extra
