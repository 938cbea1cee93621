"""Typed requests into members for an upstream that speaks this dialect."""

from __future__ import annotations

from typing import Any

from nova_core.types.chat import ChatRequest, Reasoning, ResponseFormat
from nova_core.types.fidelity import Fidelity
from nova_core.wire.drop_policy import is_default
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_chat.render import is_too_long, said_effort
from nova_core.wire.openai_responses.fields import NAME, adopted
from nova_core.wire.openai_responses.request import LOGPROBS
from nova_core.wire.openai_responses.tools import render_choice, render_tools
from nova_core.wire.openai_responses.turns import render_turns
from nova_core.wire.shown_images import shown_by_user

Body = dict[str, Any]

_SAME_NAMES = (
    "parallel_tool_calls",
    "temperature",
    "top_p",
    "top_logprobs",
    "user",
    "metadata",
    "service_tier",
    "store",
    "prompt_cache_key",
)
_LACKING = ("n", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "top_k")


def render_request(typed: ChatRequest) -> tuple[Body, Fidelity]:
    """Members, and what became of each field; a request that came in this dialect gets back all it said."""
    notes = Notes(own=NAME in typed.extra, dialect=NAME)
    messages = typed.messages if notes.own else shown_by_user(typed, notes).messages
    instructions, items = render_turns(messages, notes)
    body: Body = {"model": typed.model, "input": _with_output_kinds(items)}
    if instructions is not None:
        body["instructions"] = instructions
    for name in _SAME_NAMES:
        if (value := getattr(typed, name)) is not None:
            body[name] = value
    if typed.user is not None and not notes.own and is_too_long(typed.user, notes):
        del body["user"]
    if typed.max_tokens is not None:
        body["max_output_tokens"] = typed.max_tokens
    if tools := render_tools(typed.tools, notes):
        body["tools"] = tools
    if typed.tool_choice is not None:
        body["tool_choice"] = render_choice(typed.tool_choice, notes)
    if typed.stream:
        body["stream"] = True
    _text(typed, body, notes)
    _reasoning(typed.reasoning, body, notes)
    _lacking(typed, body, notes)
    notes.cache(body, typed.cache)
    notes.extra(body, adopted(typed.extra))
    return body, notes.fidelity()


def _with_output_kinds(items: list[Body]) -> list[Body]:
    """Outputs of custom tools under their own type."""
    custom = {item["call_id"] for item in items if item.get("type") == "custom_tool_call"}
    return [
        {**item, "type": "custom_tool_call_output"}
        if item.get("type") == "function_call_output" and item["call_id"] in custom
        else item
        for item in items
    ]


def _text(typed: ChatRequest, body: Body, notes: Notes) -> None:
    text: Body = {"verbosity": typed.verbosity} if typed.verbosity is not None else {}
    if typed.response_format is not None:
        text["format"] = _format(typed.response_format, notes)
    if text:
        body["text"] = text


def _format(wanted: ResponseFormat, notes: Notes) -> Body:
    if wanted.kind != "json_schema":
        if wanted.schema is not None:
            notes.approximated("response_format.schema", "any object is asked for")
        return {"type": wanted.kind}
    described = {
        "name": wanted.name if notes.own or wanted.name else "response",
        "description": wanted.description,
        "schema": wanted.schema,
        "strict": wanted.strict,
    }
    return {"type": "json_schema", **{name: value for name, value in described.items() if value is not None}}


def _reasoning(wanted: Reasoning | None, body: Body, notes: Notes) -> None:
    if wanted is None:
        return
    effort = wanted.effort if notes.own else said_effort(wanted, str(body["model"]), notes)
    said: Body = {} if effort is None else {"effort": effort}
    if wanted.summary is not None:
        said["summary"] = wanted.summary if wanted.summary in ("auto", "concise", "detailed") else "auto"
    if said:
        body["reasoning"] = said


def _lacking(typed: ChatRequest, body: Body, notes: Notes) -> None:
    """Parameters of chat completions that this API has not; what came in this dialect all the same is said again."""
    for name in _LACKING:
        value = getattr(typed, name)
        if value is None:
            continue
        if notes.own:
            body[name] = value
        elif is_default(name, value):
            notes.hint(name)
        else:
            notes.lost(name, "there is no such parameter")
    if typed.stop:
        if notes.own:
            body["stop"] = list(typed.stop)
        else:
            notes.lost("stop", "there is no such parameter")
    if typed.modalities and set(typed.modalities) != {"text"}:
        notes.lost("modalities", "answers are text")
    if typed.logprobs and not notes.own:
        body["include"] = [LOGPROBS]
    if typed.include_usage is not None:
        notes.mapped("stream_options.include_usage", "usage is always streamed")
