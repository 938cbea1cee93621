"""Typed requests into members for an upstream that speaks this dialect."""

from __future__ import annotations

from typing import Any

from nova_core.types.chat import ChatRequest, HostedTool, Reasoning, ResponseFormat, Tool, ToolChoice
from nova_core.types.fidelity import Fidelity
from nova_core.wire.openai_chat.fields import NAME
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_chat.reasoning_models import effort_at_rest, fitting_effort
from nova_core.wire.openai_chat.turns import render_messages
from nova_core.wire.shown_images import shown_by_user

LONGEST_TOOL_NAME = 64
LONGEST_USER = 64

_SAME_NAMES = (
    "parallel_tool_calls",
    "max_tokens",
    "temperature",
    "top_p",
    "n",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "verbosity",
    "user",
    "metadata",
    "service_tier",
    "store",
    "prompt_cache_key",
)


def render_request(typed: ChatRequest) -> tuple[dict[str, Any], Fidelity]:
    """Members, and what became of each field.

    A request that came in this dialect gets everything back that it said, vendors' extensions included;
    `max_completion_tokens` is then said as `max_tokens`.
    """
    notes = Notes(own=NAME in typed.extra)
    messages = typed.messages if notes.own else shown_by_user(typed, notes).messages
    body: dict[str, Any] = {"model": typed.model, "messages": render_messages(messages, notes)}
    for name in _SAME_NAMES:
        value = getattr(typed, name)
        if value is not None:
            body[name] = value
    if typed.user is not None and not notes.own and is_too_long(typed.user, notes):
        del body["user"]
    if typed.tools:
        tools = [_tool(tool, f"tools[{index}]", notes) for index, tool in enumerate(typed.tools)]
        body["tools"] = [tool for tool in tools if tool is not None]
        if not body["tools"]:
            del body["tools"]
    if typed.tool_choice is not None:
        body["tool_choice"] = _tool_choice(typed.tool_choice, notes)
    if typed.stop:
        body["stop"] = list(typed.stop)
    if typed.modalities:
        body["modalities"] = list(typed.modalities)
    if typed.response_format is not None:
        body["response_format"] = _response_format(typed.response_format, notes)
    if typed.stream:
        body["stream"] = True
    if typed.include_usage is not None:
        body["stream_options"] = {"include_usage": typed.include_usage}
    _reasoning(typed.reasoning, body, notes)
    _foreign_words(typed, body, notes)
    notes.cache(body, typed.cache)
    notes.extra(body, typed.extra)
    return body, notes.fidelity()


def is_too_long(user: str, notes: Notes) -> bool:
    """Whether a user's id, which other dialects put no such limit on, is refused for its length; noted then."""
    if len(user) <= LONGEST_USER:
        return False
    notes.hint("user", f"ids of users have at most {LONGEST_USER} characters")
    return True


def _foreign_words(typed: ChatRequest, body: dict[str, Any], notes: Notes) -> None:
    """Parameters that OpenAI does not define, or has other values for."""
    if typed.top_k is not None:
        if notes.own:
            body["top_k"] = typed.top_k
        else:
            notes.lost("top_k", "there is no such parameter")
    if typed.service_tier == "standard_only" and not notes.own:
        body["service_tier"] = "default"
        notes.mapped("service_tier", "default")


def _tool(tool: Tool | HostedTool, path: str, notes: Notes) -> dict[str, Any] | None:
    if isinstance(tool, HostedTool):
        if tool.dialect == NAME or notes.own:
            return dict(tool.raw)
        notes.lost(path, f"only {tool.dialect} knows {tool.raw.get('type', 'this tool')}")
        return None
    if len(tool.name) > LONGEST_TOOL_NAME and not notes.own:
        notes.lost(f"{path}.name", f"names of tools have at most {LONGEST_TOOL_NAME} characters")
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    body: dict[str, Any] = {"type": "function", "function": function}
    notes.cache(body, tool.cache, path)
    notes.extra(body, tool.extra, path)
    return body


def _tool_choice(choice: ToolChoice, notes: Notes) -> Any:
    own = dict(choice.extra.get(NAME, {}))
    foreign = {dialect: members for dialect, members in choice.extra.items() if dialect != NAME}
    notes.extra({}, foreign, "tool_choice")
    if "allowed_tools" in own:
        return {"type": "allowed_tools", "allowed_tools": own["allowed_tools"]}
    if choice.mode != "named":
        return choice.mode
    kind = str(own.get("type", "function"))
    return {"type": kind, kind: {"name": choice.name}}


def _response_format(wanted: ResponseFormat, notes: Notes) -> dict[str, Any]:
    if wanted.kind == "json_object" and wanted.schema is not None:
        return {"type": "json_object", "schema": wanted.schema}
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    described = {
        # OpenAI requires a name; other dialects have none.
        "name": wanted.name if notes.own or wanted.name else "response",
        "description": wanted.description,
        "schema": wanted.schema,
        "strict": wanted.strict,
    }
    return {
        "type": "json_schema",
        "json_schema": {name: value for name, value in described.items() if value is not None},
    }


def effort_of(budget: int) -> str:
    """The effort nearest to a budget of thinking tokens."""
    if budget >= 4096:
        return "high"
    if budget >= 2048:
        return "medium"
    return "low" if budget >= 1024 else "minimal"


def _reasoning(wanted: Reasoning | None, body: dict[str, Any], notes: Notes) -> None:
    if wanted is None:
        return
    if notes.own:
        _own_reasoning(wanted, body)
        return
    if wanted.summary is not None:
        notes.hint("thinking.display", "summaries of the thinking cannot be asked for")
    if (effort := said_effort(wanted, str(body["model"]), notes)) is not None:
        body["reasoning_effort"] = effort


def said_effort(wanted: Reasoning, model: str, notes: Notes) -> str | None:
    """The effort to ask `model` for; None to ask for none, where it decides itself."""
    if wanted.effort is not None:
        effort = fitting_effort(model, wanted.effort)
        if effort != wanted.effort:
            notes.approximated("reasoning_effort", f"{wanted.effort} is sent as {effort}")
        if wanted.budget is not None:
            notes.approximated("thinking.budget_tokens", "the effort is sent in its place")
        return effort
    if wanted.mode == "disabled":
        if (effort_then := effort_at_rest(model)) is not None:
            notes.mapped("thinking", f"an effort of {effort_then}")
        else:
            notes.hint("thinking", "thinking is not asked for")
        return effort_then
    if wanted.budget is not None:
        effort = fitting_effort(model, effort_of(wanted.budget))
        notes.approximated("thinking.budget_tokens", f"sent as an effort of {effort}")
        return effort
    if wanted.mode is not None:
        notes.approximated("thinking", "how much to think is left to the model")
    return None


def _own_reasoning(wanted: Reasoning, body: dict[str, Any]) -> None:
    if wanted.summary is not None:
        effort = {"effort": wanted.effort} if wanted.effort is not None else {}
        body["reasoning_effort"] = {**effort, "summary": wanted.summary}
    elif wanted.effort is not None:
        body["reasoning_effort"] = wanted.effort
    if wanted.mode is not None:
        budget = {"budget_tokens": wanted.budget} if wanted.budget is not None else {}
        body["thinking"] = {"type": wanted.mode, **budget}
