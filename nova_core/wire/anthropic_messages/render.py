"""A typed chat request into the members of a Messages request, and what became of each field."""

from __future__ import annotations

import re
from typing import Any, Final

from nova_core.types.chat import ChatRequest, HostedTool, ResponseFormat, Tool
from nova_core.types.fidelity import Fidelity
from nova_core.wire.anthropic_messages.fields import NAME, Notes, native, render_cache
from nova_core.wire.anthropic_messages.schema import conforming
from nova_core.wire.anthropic_messages.thinking import render_reasoning
from nova_core.wire.anthropic_messages.turns import render_turns
from nova_core.wire.unsaid import note_schema

DEFAULT_MAX_TOKENS: Final = 4096
SERVICE_TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
JSON_ONLY: Final = "Answer with one JSON object and nothing else: no code fence, no words around it."
MAX_USES: Final = {"low": 1, "medium": 5, "high": 10}
# An e-mail address or a phone number, which the vendor asks not to be sent as a user id.
PERSONAL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|\+?[\d\s().-]{7,20}")


def render(typed: ChatRequest) -> tuple[dict[str, Any], Fidelity]:
    """The members and the report. Paths in the report are those of an OpenAI request, the usual caller's.

    Raises BadRequestError for tool call arguments that are not a JSON object.
    """
    notes = Notes()
    members: dict[str, Any] = {"model": typed.model}
    system, members["messages"] = render_turns(typed, notes)
    tools = [rendered for place, tool in enumerate(typed.tools) if (rendered := _tool(tool, place, notes))]
    if (search := _web_search(typed)) is not None:
        notes.approximated("web_search_options", "the vendor's web search tool")
        tools.append(search)
    config = native(typed.extra).get("output_config", {})
    if typed.response_format is not None:
        config = {**config, **_output_format(typed.response_format, typed, system, notes)}
    if system:
        members["system"] = system
    if tools:
        members["tools"] = tools
    _tool_choice(typed, members, notes)
    _sampling(typed, members, notes)
    effort = render_reasoning(typed, members, notes)
    if typed.max_tokens is None and NAME not in typed.extra:
        members["max_tokens"] += DEFAULT_MAX_TOKENS
        notes.mapped("max_tokens", f"the vendor needs one: {members['max_tokens']}")
    if config := {**config, **effort}:
        members["output_config"] = config
    _who_and_how(typed, members, notes)
    _not_expressible(typed, notes)
    members |= render_cache(typed.cache)
    return _with_extras(typed, members, notes), notes.fidelity()


def _with_extras(typed: ChatRequest, members: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """This dialect's own fields put back; those of others reported."""
    for name, value in native(typed.extra).items():
        if name == "thinking":
            members[name] = {**value, **members.get(name, {})}
        elif name != "output_config":
            members[name] = value
    foreign = {
        dialect: {name: value for name, value in fields.items() if name != "web_search_options"}
        for dialect, fields in typed.extra.items()
    }
    notes.foreign(foreign)
    return members


def _tool(tool: Tool | HostedTool, place: int, notes: Notes) -> dict[str, Any] | None:
    path = f"tools[{place}]"
    if isinstance(tool, HostedTool):
        if tool.dialect == NAME:
            return dict(tool.raw)
        notes.lost(path, f"a tool that only {tool.dialect} knows")
        return None
    notes.foreign(tool.extra, path)
    schema = dict(tool.schema) if tool.schema is not None else {"properties": {}}
    if "type" not in schema:
        schema = {"type": "object", **schema}
        notes.mapped(f"{path}.function.parameters", "the vendor needs a schema of type object")
    rendered: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        rendered["description"] = tool.description
    rendered["input_schema"] = schema
    if tool.strict is not None:
        rendered["strict"] = tool.strict
    return rendered | render_cache(tool.cache) | native(tool.extra)


def _web_search(typed: ChatRequest) -> dict[str, Any] | None:
    """OpenAI's `web_search_options` as the vendor's search tool."""
    for dialect, fields in typed.extra.items():
        options = fields.get("web_search_options")
        if dialect == NAME or not isinstance(options, dict):
            continue
        tool: dict[str, Any] = {"type": "web_search_20250305", "name": "web_search"}
        if (uses := MAX_USES.get(options.get("search_context_size", ""))) is not None:
            tool["max_uses"] = uses
        location = options.get("user_location")
        if isinstance(location, dict) and isinstance(location.get("approximate"), dict):
            tool["user_location"] = {"type": "approximate", **location["approximate"]}
        return tool
    return None


def _tool_choice(typed: ChatRequest, members: dict[str, Any], notes: Notes) -> None:
    choice, parallel = typed.tool_choice, typed.parallel_tool_calls
    if "tools" not in members:
        _choice_without_tools(typed, members, notes)
        return
    rendered: dict[str, Any] | None = None
    if choice is not None:
        notes.foreign(choice.extra, "tool_choice")
        kind = {"auto": "auto", "none": "none", "required": "any", "named": "tool"}[choice.mode]
        rendered = {"type": kind} | ({"name": choice.name} if choice.name is not None else {})
        rendered |= native(choice.extra)
    if parallel is not None:
        if rendered is None:
            rendered = {"type": "auto"}
            notes.mapped("tool_choice", "the default is said, to carry parallel_tool_calls")
        if rendered["type"] == "none":
            notes.hint("parallel_tool_calls", "no tool may be called at all")
        else:
            rendered["disable_parallel_tool_use"] = not parallel
            notes.mapped("parallel_tool_calls", "tool_choice.disable_parallel_tool_use")
    if rendered is not None:
        members["tool_choice"] = rendered


def _choice_without_tools(typed: ChatRequest, members: dict[str, Any], notes: Notes) -> None:
    """Without tools the vendor refuses a choice; one that asks for no call says nothing then.

    A history that used tools needs them declared: they are, for reading only.
    """
    if typed.parallel_tool_calls is not None:
        notes.hint("parallel_tool_calls", "there are no tools")
    choice = typed.tool_choice
    if choice is not None and choice.mode in ("required", "named"):
        notes.lost("tool_choice", "there are no tools")
        return
    blocks = [block for turn in members["messages"] for block in turn["content"]]
    names = dict.fromkeys(block["name"] for block in blocks if block["type"] == "tool_use")
    if names and NAME not in typed.extra:
        members["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in names]
        members["tool_choice"] = {"type": "none"}
        notes.mapped("tools", "tools of the history are declared")
        notes.mapped("tool_choice", "none of them may be called")
    elif choice is not None:
        notes.hint("tool_choice", "there are no tools")


def _sampling(typed: ChatRequest, members: dict[str, Any], notes: Notes) -> None:
    if typed.max_tokens is not None:
        members["max_tokens"] = typed.max_tokens
    elif NAME not in typed.extra:
        members["max_tokens"] = 0
    for name in ("temperature", "top_p", "top_k"):
        if (value := getattr(typed, name)) is not None:
            members[name] = value
    if typed.temperature is not None and typed.temperature > 1 and NAME not in typed.extra:
        members["temperature"] = 1
        notes.approximated("temperature", "the vendor's scale ends at 1")
    stop = []
    for place, text in enumerate(typed.stop):
        if text.strip() or NAME in typed.extra:
            stop.append(text)
        else:
            notes.lost("stop" if len(typed.stop) == 1 else f"stop[{place}]", "white space is no stop sequence")
    if stop:
        members["stop_sequences"] = stop


def _output_format(
    wanted: ResponseFormat, typed: ChatRequest, system: list[dict[str, Any]], notes: Notes
) -> dict[str, Any]:
    """The `format` of `output_config`; `json_object`, which the vendor has not, becomes an instruction."""
    if wanted.kind == "text":
        notes.hint("response_format", "text is the default")
        return {}
    if wanted.kind == "json_object" and wanted.schema is None:
        notes.approximated("response_format", "asked for in the system prompt")
        system.append({"type": "text", "text": JSON_ONLY})
        return {}
    path = note_schema(wanted, notes, "the vendor always holds the model to the schema")
    schema = dict(wanted.schema or {})
    if NAME not in typed.extra:
        strict = conforming(schema)
        if strict != schema:
            notes.approximated(f"{path}.schema", "constraints that the vendor does not enforce are described")
        schema = strict
    return {"format": {"type": "json_schema", "schema": schema}}


def _who_and_how(typed: ChatRequest, members: dict[str, Any], notes: Notes) -> None:
    if typed.user is not None:
        if NAME not in typed.extra and PERSONAL.fullmatch(typed.user):
            notes.hint("user", "it looks like an e-mail address or a phone number")
        else:
            members["metadata"] = {"user_id": typed.user}
            notes.mapped("user", "metadata.user_id")
    for name, value in (typed.metadata or {}).items():
        if NAME in typed.extra:
            members.setdefault("metadata", {})[name] = value
        else:
            notes.hint(f"metadata.{name}")
    if typed.service_tier is not None:
        if tier := SERVICE_TIERS.get(typed.service_tier):
            members["service_tier"] = tier
        else:
            notes.hint("service_tier", "the vendor has no such tier")
    if typed.stream:
        members["stream"] = True
    if typed.include_usage is not None:
        notes.mapped("stream_options.include_usage", "usage is always streamed")


def _not_expressible(typed: ChatRequest, notes: Notes) -> None:
    """Fields that the vendor lacks: a default says nothing and is a hint, anything else changes the answer."""
    losses: dict[str, tuple[Any, ...]] = {
        "n": (1,),
        "seed": (),
        "presence_penalty": (0,),
        "frequency_penalty": (0,),
        "logit_bias": ({},),
        "logprobs": (False,),
        "top_logprobs": (0,),
    }
    for name, defaults in losses.items():
        value = getattr(typed, name)
        if value is not None:
            (notes.hint if value in defaults else notes.lost)(name)
    if typed.modalities:
        (notes.hint if set(typed.modalities) == {"text"} else notes.lost)("modalities")
    for name in ("store", "prompt_cache_key", "verbosity"):
        if getattr(typed, name) is not None:
            notes.hint(name)
