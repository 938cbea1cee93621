"""Requests: the cheap check, the typed parse, and call defaults (OpenAI API reference, "Create chat completion")."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

import msgspec

from nova_core.types.chat import (
    ChatRequest,
    Effort,
    HostedTool,
    Reasoning,
    ResponseFormat,
    Tool,
    ToolChoice,
)
from nova_core.types.message import Members, decoded
from nova_core.wire.openai_chat.fields import NAME, Fields, bad_field, starts_with
from nova_core.wire.openai_chat.messages import parse_messages

_KINDS: Mapping[str, tuple[bytes, str]] = {
    "stream": (b"tfn", "must be true or false"),
    "stream_options": (b"{n", "must be an object"),
    "tools": (b"[n", "must be an array"),
    "n": (b"0123456789n", "must be a whole number"),
    "max_tokens": (b"0123456789n", "must be a whole number"),
    "max_completion_tokens": (b"0123456789n", "must be a whole number"),
    "temperature": (b"-0123456789n", "must be a number"),
    "top_p": (b"-0123456789n", "must be a number"),
}
_NAMED = frozenset(f'"{letter}'.encode() for letter in string.ascii_letters + string.digits)
"""How the JSON of nearly every name begins; others are decoded."""
SAME_MEANING = (
    frozenset({"max_tokens", "max_completion_tokens"}),
    frozenset({"reasoning_effort", "thinking"}),
    frozenset({"tools", "functions"}),
    frozenset({"tool_choice", "function_call"}),
)
# Anthropic's hosted tools; clients send them on this route to models that know them.
_FOREIGN_TOOLS: Mapping[str, str] = dict.fromkeys(
    ("bash_", "code_execution_", "computer_", "memory_", "text_editor_", "tool_search_", "web_fetch_", "web_search_"),
    "anthropic_messages",
)


def check_model(members: Members) -> None:
    """`model` is there and names something. Raises BadRequestError."""
    model = members.get("model")
    if type(model) is msgspec.Raw and bytes(model)[:2] in _NAMED:
        return
    if model is None or not (starts_with(model, b'"') and decoded(model).strip()):
        raise bad_field("model", "is required: the name of a model, as a string that is not empty")


def check_kinds(members: Members, kinds: Mapping[str, tuple[bytes, str]] = _KINDS) -> None:
    """The JSON kinds of top-level members. Raises BadRequestError."""
    for name, value in members.items():
        kind = kinds.get(name)
        if kind is not None and not starts_with(value, kind[0]):
            raise bad_field(name, kind[1])


def check_request(members: Members) -> None:
    """What OpenAI requires of every chat request. Raises BadRequestError naming `param`."""
    check_model(members)
    messages = members.get("messages")
    if type(messages) is not msgspec.Raw or bytes(memoryview(messages)[:2]) != b"[{":
        _check_messages(messages)
    check_kinds(members)


def _check_messages(messages: Any) -> None:
    start = bytes(memoryview(messages)[:16]) if type(messages) is msgspec.Raw else msgspec.json.encode(messages)
    if not start.startswith(b"["):
        raise bad_field("messages", "is required: an array of messages, each with a `role` and `content`")
    if start[1:].lstrip().startswith(b"]"):
        raise bad_field("messages", "must contain at least one message")


def add_defaults(members: Members, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults for members that are absent or null, unless another spelling of the same is there."""
    found = dict(members)
    given = {name for name, value in members.items() if not _is_null(value)}
    for name, value in defaults.items():
        spellings = next((names for names in SAME_MEANING if name in names), frozenset({name}))
        if not spellings & given:
            found[name] = value
    return found


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, msgspec.Raw) and starts_with(value, b"n"))


def parse_request(members: Mapping[str, Any]) -> ChatRequest:
    """The typed request. Raises BadRequestError whose `param` is the field's path."""
    fields = Fields(members, "")
    model = fields.required_text("model")
    messages = parse_messages(fields.take("messages"))
    stream_options = Fields(fields.members("stream_options") or {}, "stream_options")
    include_usage = stream_options.boolean("include_usage")
    if left := stream_options.left():
        fields.put_back("stream_options", left)
    request = ChatRequest(
        model=model,
        messages=messages,
        tools=_tools(fields),
        tool_choice=_tool_choice(fields),
        parallel_tool_calls=fields.boolean("parallel_tool_calls"),
        max_tokens=_max_tokens(fields),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        stop=stop_sequences(fields),
        n=fields.integer("n"),
        seed=fields.integer("seed"),
        presence_penalty=fields.number("presence_penalty"),
        frequency_penalty=fields.number("frequency_penalty"),
        logit_bias=logit_bias(fields),
        logprobs=fields.boolean("logprobs"),
        top_logprobs=fields.integer("top_logprobs"),
        response_format=_response_format(fields),
        reasoning=_reasoning(fields),
        verbosity=fields.text("verbosity"),
        modalities=fields.strings("modalities"),
        user=fields.text("user"),
        metadata=fields.members("metadata"),
        service_tier=fields.text("service_tier"),
        store=fields.boolean("store"),
        prompt_cache_key=fields.text("prompt_cache_key"),
        stream=fields.boolean("stream") or False,
        include_usage=include_usage,
        cache=fields.cache(),
        # The key is there even when nothing is left over: it says that the request came in this dialect.
        extra={NAME: fields.left()},
    )
    return request


def _max_tokens(fields: Fields) -> int | None:
    deprecated, current = fields.integer("max_tokens"), fields.integer("max_completion_tokens")
    return current if current is not None else deprecated


def caller_path(members: Mapping[str, Any], field: str) -> str:
    """What `field` of the typed view is called in a request with these members."""
    return "max_completion_tokens" if field == "max_tokens" and "max_completion_tokens" in members else field


def stop_sequences(fields: Fields) -> tuple[str, ...]:
    """`stop`: a string or an array of strings."""
    value = fields.take("stop")
    if isinstance(value, str):
        return (value,)
    fields.put_back("stop", value)
    return fields.strings("stop")


def logit_bias(fields: Fields) -> Mapping[str, float] | None:
    """`logit_bias`: token ids (as strings) to numbers."""
    value = fields.members("logit_bias")
    for token, bias in (value or {}).items():
        if isinstance(bias, bool) or not isinstance(bias, int | float):
            raise bad_field(f"logit_bias.{token}", "must be a number")
    return value


def _tools(fields: Fields) -> tuple[Tool | HostedTool, ...]:
    found = [_tool(item, f"tools[{index}]") for index, item in enumerate(fields.array("tools") or ())]
    for index, item in enumerate(fields.array("functions") or ()):
        found.append(_function(Fields(item, f"functions[{index}]")))
    return tuple(found)


def _tool(value: Any, path: str) -> Tool | HostedTool:
    fields = Fields(value, path)
    kind = fields.text("type")
    if not kind:
        raise bad_field(f"{path}.type", 'is required, such as "function"')
    if kind != "function":
        foreign = next((name for start, name in _FOREIGN_TOOLS.items() if kind.startswith(start)), NAME)
        return HostedTool(foreign, value)
    return _function(Fields(fields.take("function"), fields.at("function")), outer=fields)


def _function(fields: Fields, *, outer: Fields | None = None) -> Tool:
    name = fields.required_text("name")
    if not name:
        raise bad_field(fields.at("name"), "must not be empty")
    description, schema, strict = fields.text("description"), fields.members("parameters"), fields.boolean("strict")
    if outer is None:
        return Tool(name, description, schema, strict)
    cache = outer.cache()
    if left := fields.left():
        outer.put_back("function", left)
    return Tool(name, description, schema, strict, cache=cache, extra=outer.extra())


def _tool_choice(fields: Fields) -> ToolChoice | None:
    value, legacy = fields.take("tool_choice"), fields.take("function_call")
    if value is None and isinstance(legacy, dict):
        return ToolChoice("named", Fields(legacy, "function_call").required_text("name"))
    value = legacy if value is None else value
    if value is None:
        return None
    if isinstance(value, str):
        mode = "required" if value == "any" else value
        if mode not in ("auto", "none", "required"):
            raise bad_field("tool_choice", 'must be "auto", "none", "required" or an object that names a tool')
        return ToolChoice(cast(Literal["auto", "none", "required"], mode))
    choice = Fields(value, "tool_choice")
    kind = choice.text("type")
    if kind in ("function", "custom"):
        inner = Fields(choice.take(kind), choice.at(kind))
        extra = {NAME: {"type": "custom"}} if kind == "custom" else {}
        return ToolChoice("named", inner.required_text("name"), extra)
    if kind == "allowed_tools":
        allowed = Fields(choice.take("allowed_tools"), choice.at("allowed_tools"))
        mode = "required" if allowed.text("mode") == "required" else "auto"
        return ToolChoice(
            cast(Literal["auto", "required"], mode), extra={NAME: {"allowed_tools": value["allowed_tools"]}}
        )
    raise bad_field("tool_choice.type", 'must be "function", "custom" or "allowed_tools"')


def _response_format(fields: Fields) -> ResponseFormat | None:
    value = fields.members("response_format")
    if value is None:
        return None
    outer = Fields(value, "response_format")
    kind = outer.required_text("type")
    found: ResponseFormat | None = None
    if kind == "text":
        found = ResponseFormat("text")
    elif kind == "json_object":
        found = ResponseFormat("json_object", schema=outer.members("schema"))
    elif kind == "json_schema":
        inner = Fields(outer.take("json_schema"), outer.at("json_schema"))
        found = ResponseFormat(
            "json_schema",
            name=inner.text("name"),
            schema=inner.members("schema"),
            strict=inner.boolean("strict"),
            description=inner.text("description"),
        )
        outer = inner if inner.left() else outer
    if found is None or outer.left():
        # A vendor's own form (a grammar, a regular expression): kept whole, never half understood.
        fields.put_back("response_format", value)
        return None
    return found


def _reasoning(fields: Fields) -> Reasoning | None:
    value = fields.take("reasoning_effort")
    effort, summary = value, None
    if isinstance(value, dict):
        inner = Fields(value, "reasoning_effort")
        effort, summary = inner.text("effort"), inner.text("summary")
    if effort == "default":
        effort = None
    if effort is not None and effort not in get_args(Effort):
        raise bad_field("reasoning_effort", f"must be one of {', '.join(get_args(Effort))}")
    thinking = fields.members("thinking")
    if thinking is None:
        return Reasoning(effort, summary=summary) if effort or summary else None
    inner = Fields(thinking, "thinking")
    mode = inner.text("type")
    if mode not in ("enabled", "disabled", "adaptive"):
        raise bad_field("thinking.type", 'must be "enabled", "disabled" or "adaptive"')
    budget = inner.integer("budget_tokens")
    # How thoughts are shown does not change the answer; what else stands here may.
    if left := {name: value for name, value in inner.left().items() if name != "display"}:
        fields.put_back("thinking", left)
    return Reasoning(effort, budget, cast(Literal["enabled", "disabled", "adaptive"], mode), summary)
