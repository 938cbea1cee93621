"""A typed chat request into the members of `/v2/chat`, and what became of each field."""

# https://docs.cohere.com/reference/chat

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.chat import ChatRequest, HostedTool, Reasoning, Tool, ToolChoice
from nova_core.types.fidelity import Fidelity
from nova_core.wire.drop_policy import is_default
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.unsaid import note_schema
from nova_plugin_cohere.messages import render_messages

NAME: Final = "cohere_chat"
NAMES: Final[Mapping[str, str]] = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "logprobs": "logprobs",
}
"""Names of the typed model, and of this API."""
OWN_MEMBERS: Final = frozenset(
    {"documents", "citation_options", "safety_mode", "strict_tools", "priority", "k", "p", "stop_sequences"}
)
"""Members of this API that callers and operators may send beside those of another dialect."""
UNSAID_HINTS: Final = ("user", "metadata", "prompt_cache_key", "verbosity", "store", "service_tier")
BUDGETS: Final[Mapping[str, int]] = {"minimal": 512, "low": 1024, "medium": 4096}
"""Tokens to think with, by effort; higher efforts think without a limit, which is what the vendor advises."""


def render(typed: ChatRequest) -> tuple[dict[str, Any], Fidelity]:
    """The members and the report."""
    notes = ForeignNotes(own=False, dialect=NAME)
    members: dict[str, Any] = {"model": typed.model, "messages": render_messages(typed, notes), "stream": typed.stream}
    for name, said in NAMES.items():
        if (value := getattr(typed, name)) is not None:
            members[said] = value
    if typed.stop:
        members["stop_sequences"] = list(typed.stop)
    members |= _tools(typed, notes) | _format(typed, notes) | _thinking(typed.reasoning, notes)
    members |= _own_words(typed, members, notes)
    _unsaid(typed, notes)
    return members, notes.fidelity()


def _tools(typed: ChatRequest, notes: ForeignNotes) -> dict[str, Any]:
    functions: list[Tool] = []
    tools: list[dict[str, Any]] = []
    for place, tool in enumerate(typed.tools):
        path = f"tools[{place}]"
        if isinstance(tool, HostedTool):
            notes.lost(path, f"only {tool.dialect} knows {tool.raw.get('type', 'this tool')}")
        else:
            functions.append(tool)
            tools.append(_tool(tool, path, notes))
    if typed.parallel_tool_calls is not None:
        harmless = typed.parallel_tool_calls or not tools
        (notes.hint if harmless else notes.lost)("parallel_tool_calls", "the model decides how many tools it calls")
    said = _strictness(functions, notes)
    if typed.tool_choice is not None:
        tools, choice = _choice(typed.tool_choice, tools, notes)
        said |= choice
    return {"tools": tools, **said} if tools else {}


def _tool(tool: Tool, path: str, notes: ForeignNotes) -> dict[str, Any]:
    notes.cache({}, tool.cache, path)
    notes.foreign(tool.extra, path)
    schema = dict(tool.schema) if tool.schema is not None else {"type": "object", "properties": {}}
    described = {"description": tool.description} if tool.description is not None else {}
    return {"type": "function", "function": {"name": tool.name, **described, "parameters": schema}}


def _strictness(tools: list[Tool], notes: ForeignNotes) -> dict[str, Any]:
    """All calls follow their schemas, or none need to."""
    if tools and all(tool.strict for tool in tools):
        notes.mapped("tools[0].function.strict", "strict_tools")
        return {"strict_tools": True}
    for place, tool in enumerate(tools):
        if tool.strict is not None:
            notes.hint(f"tools[{place}].function.strict", "all tools are strict, or none is")
    return {}


def _choice(
    choice: ToolChoice, tools: list[dict[str, Any]], notes: ForeignNotes
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The tools that are left, and `tool_choice`."""
    notes.foreign(choice.extra, "tool_choice")
    if not tools:
        (notes.lost if choice.mode in ("required", "named") else notes.hint)("tool_choice", "there are no functions")
        return tools, {}
    match choice.mode:
        case "auto":
            notes.mapped("tool_choice", "what is done unasked")
            return tools, {}
        case "named":
            left = [tool for tool in tools if tool["function"]["name"] == choice.name]
            if not left:
                notes.lost("tool_choice", "there is no function of that name")
                return tools, {}
            notes.mapped("tool_choice", "the only tool that is sent, and required")
            return left, {"tool_choice": "REQUIRED"}
        case mode:
            return tools, {"tool_choice": mode.upper()}


def _format(typed: ChatRequest, notes: ForeignNotes) -> dict[str, Any]:
    wanted = typed.response_format
    if wanted is None or wanted.kind == "text":
        return {}
    note_schema(wanted, notes, "answers always follow the schema")
    schema = {"json_schema": dict(wanted.schema)} if wanted.schema is not None else {}
    return {"response_format": {"type": "json_object", **schema}}


def _thinking(wanted: Reasoning | None, notes: ForeignNotes) -> dict[str, Any]:
    if wanted is None:
        return {}
    if wanted.summary is not None:
        notes.hint("reasoning_effort.summary", "thoughts come as they are")
    if wanted.mode == "disabled" or wanted.effort == "none":
        notes.mapped("reasoning_effort", "thinking is disabled")
        return {"thinking": {"type": "disabled"}}
    if wanted.budget is not None:
        return {"thinking": {"type": "enabled", "token_budget": wanted.budget}}
    if wanted.effort is None:
        return {"thinking": {"type": "enabled"}} if wanted.mode is not None else {}
    budget = BUDGETS.get(wanted.effort)
    notes.approximated("reasoning_effort", f"a budget of {budget} tokens" if budget else "thinking without a limit")
    return {"thinking": {"type": "enabled", **({"token_budget": budget} if budget else {})}}


def _own_words(typed: ChatRequest, members: dict[str, Any], notes: ForeignNotes) -> dict[str, Any]:
    """Extras of other dialects: this API's own words are sent, the rest is noted."""
    said: dict[str, Any] = {}
    left: dict[str, dict[str, Any]] = {}
    for dialect, extra in typed.extra.items():
        for name, value in extra.items():
            if name in OWN_MEMBERS:
                said[name] = value
            elif name == "thinking" and isinstance(value, Mapping) and value.keys() == {"token_budget"}:
                said["thinking"] = {**members.get("thinking", {}), **value}
            else:
                left.setdefault(dialect, {})[name] = value
    notes.foreign(left)
    return said


def _unsaid(typed: ChatRequest, notes: ForeignNotes) -> None:
    """Fields without a word here."""
    for name in ("n", "logit_bias", "top_logprobs"):
        if (value := getattr(typed, name)) is not None:
            (notes.hint if is_default(name, value) else notes.lost)(name)
    if typed.modalities and typed.modalities != ("text",):
        notes.lost("modalities", "answers are text")
    for name in UNSAID_HINTS:
        if getattr(typed, name) is not None:
            notes.hint(name)
    if typed.include_usage is not None:
        notes.mapped("stream_options.include_usage", "usage is always streamed")
    notes.cache({}, typed.cache)
