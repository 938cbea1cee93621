"""Requests: the cheap check, the typed parse, and call defaults (OpenAI API reference, "Create a model response")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

import msgspec

from nova_core.types.chat import ChatRequest, Effort, Reasoning, ResponseFormat
from nova_core.types.message import Members, decoded
from nova_core.wire.openai_chat.fields import Fields, bad_field, starts_with
from nova_core.wire.openai_chat.request import check_kinds, check_model, logit_bias, stop_sequences
from nova_core.wire.openai_responses.fields import NAME
from nova_core.wire.openai_responses.items import parse_turns
from nova_core.wire.openai_responses.tools import parse_choice, parse_tools

_KINDS: Mapping[str, tuple[bytes, str]] = {
    "input": (b'["', "must be a string or an array of items"),
    "instructions": (b'"[n', "must be a string"),
    "stream": (b"tfn", "must be true or false"),
    "store": (b"tfn", "must be true or false"),
    "background": (b"tfn", "must be true or false"),
    "tools": (b"[n", "must be an array"),
    "text": (b"{n", "must be an object"),
    "reasoning": (b"{n", "must be an object"),
    "metadata": (b"{n", "must be an object"),
    "previous_response_id": (b'"n', "must be the id of a response"),
    "max_output_tokens": (b"0123456789n", "must be a whole number"),
    "temperature": (b"-0123456789n", "must be a number"),
    "top_p": (b"-0123456789n", "must be a number"),
}
_HAVE_INPUT = ("input", "prompt", "previous_response_id", "conversation")
_IDLE = (("background", False), ("truncation", "disabled"))
_NO_ITEM = re.compile(rb"\s*\[\s*\]")
LOGPROBS = "message.output_text.logprobs"


def check_request(members: Members) -> None:
    """`model`, something to answer, and the kinds of a few others. Raises BadRequestError naming `param`."""
    check_model(members)
    said = [name for name in _HAVE_INPUT if members.get(name) is not None]
    if not said:
        raise bad_field("input", "is required: a string, or an array of items")
    if said == ["input"] and _has_no_item(members["input"]):
        raise bad_field("input", "must have an item: there is no earlier response or conversation to answer")
    check_kinds(members, _KINDS)


def _has_no_item(value: Any) -> bool:
    return bool(_NO_ITEM.match(value)) if isinstance(value, msgspec.Raw) else value == []


def parse_request(members: Mapping[str, Any]) -> ChatRequest:
    """The typed request. Parameters of chat completions that this API lacks are read as there.

    Raises BadRequestError whose `param` is the field's path.
    """
    turns = parse_turns(members)
    fields = Fields({name: value for name, value in members.items() if name not in ("input", "instructions")}, "")
    for name, idle in _IDLE:
        if members.get(name) == idle:
            fields.take(name)
    tools, choice, parallel = parse_tools(fields), parse_choice(fields), fields.boolean("parallel_tool_calls")
    if not tools and (choice is None or choice.mode in ("auto", "none")):
        choice = parallel = None  # without tools they say nothing, and vendors refuse them
    response_format, verbosity = _text(fields)
    return ChatRequest(
        model=fields.required_text("model"),
        messages=tuple(turn.message() for turn in turns),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_tokens=fields.integer("max_output_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        stop=stop_sequences(fields),
        n=fields.integer("n"),
        seed=fields.integer("seed"),
        presence_penalty=fields.number("presence_penalty"),
        frequency_penalty=fields.number("frequency_penalty"),
        logit_bias=logit_bias(fields),
        logprobs=_logprobs(members),
        top_logprobs=fields.integer("top_logprobs"),
        response_format=response_format,
        reasoning=_reasoning(fields),
        verbosity=verbosity,
        user=fields.text("user"),
        service_tier=fields.text("service_tier"),
        prompt_cache_key=fields.text("prompt_cache_key"),
        stream=fields.boolean("stream") or False,
        cache=fields.cache(),
        # The key is there even when nothing is left over: it says that the request came in this dialect.
        extra={NAME: fields.left()},
    )


def _logprobs(members: Mapping[str, Any]) -> bool | None:
    included = members.get("include")
    asked = isinstance(included, list) and LOGPROBS in included
    return True if asked or members.get("top_logprobs") else None


def _text(fields: Fields) -> tuple[ResponseFormat | None, str | None]:
    """`text`: the format of the answer, and how wordy it is."""
    inner = Fields(fields.members("text") or {}, "text")
    verbosity = inner.text("verbosity")
    value = inner.members("format")
    found = _format(Fields(value, "text.format")) if value is not None else None
    if value is not None and found is None:
        inner.put_back("format", value)
    if left := inner.left():
        fields.put_back("text", left)
    return found, verbosity


def _format(fields: Fields) -> ResponseFormat | None:
    kind = fields.required_text("type")
    if kind == "text":
        return ResponseFormat("text")
    if kind == "json_object":
        return ResponseFormat("json_object")
    if kind != "json_schema":
        return None
    return ResponseFormat(
        "json_schema",
        name=fields.text("name"),
        schema=fields.members("schema"),
        strict=fields.boolean("strict"),
        description=fields.text("description"),
    )


def _reasoning(fields: Fields) -> Reasoning | None:
    inner = Fields(fields.members("reasoning") or {}, "reasoning")
    effort = inner.text("effort")
    older = inner.text("generate_summary")
    summary = inner.text("summary") or older
    if effort is not None and effort not in get_args(Effort):
        raise bad_field("reasoning.effort", f"must be one of {', '.join(get_args(Effort))}")
    if left := inner.left():
        fields.put_back("reasoning", left)
    return Reasoning(effort, summary=summary) if effort or summary else None  # type: ignore[arg-type]


def add_defaults(members: Members, defaults: Mapping[str, Any]) -> Members:
    """A deployment's defaults, in this API's names or those of chat completions, where the caller gave none."""
    added = {name: value for name, value in members.items() if not _is_null(value)}
    for name, value in defaults.items():
        if value is None:
            continue
        if add := _DEFAULTS.get(name):
            add(added, value)
        else:
            added.setdefault(_RENAMED.get(name, name), value)
    return added


_RENAMED: Mapping[str, str] = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens"}


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, msgspec.Raw) and starts_with(value, b"n"))


def _inner(members: dict[str, Any], outer: str, name: str, value: Any) -> None:
    members[outer] = {name: value, **(decoded(members.get(outer)) or {})}


def _effort(members: dict[str, Any], value: Any) -> None:
    said = value if isinstance(value, Mapping) else {"effort": value}
    members["reasoning"] = {**said, **(decoded(members.get("reasoning")) or {})}


def _response_format(members: dict[str, Any], value: Any) -> None:
    if isinstance(value, Mapping) and isinstance(value.get("json_schema"), Mapping):
        value = {"type": "json_schema", **value["json_schema"]}
    _inner(members, "text", "format", value)


def _tools(members: dict[str, Any], value: Any) -> None:
    if isinstance(value, list) and "tools" not in members:
        members["tools"] = [_flat(tool) for tool in value]


def _tool_choice(members: dict[str, Any], value: Any) -> None:
    if "tools" in members:
        members.setdefault("tool_choice", _flat(value))


def _flat(value: Any) -> Any:
    """A tool or its choice as chat completions nest them, as this API does not."""
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        return {"type": "function", **value["function"]}
    return value


_DEFAULTS: Mapping[str, Callable[[dict[str, Any], Any], None]] = {
    "reasoning_effort": _effort,
    "response_format": _response_format,
    "verbosity": lambda members, value: _inner(members, "text", "verbosity", value),
    "tools": _tools,
    "tool_choice": _tool_choice,
}
