"""Tools and the choice among them: `tools` and `toolConfig`."""

# https://ai.google.dev/api/caching#Tool

from __future__ import annotations

from typing import Any, Final

from nova_core.types.chat import ChatRequest, HostedTool, Tool, ToolChoice
from nova_core.wire.gemini.fields import NAME, enum, fields_of
from nova_core.wire.gemini.notes import Notes
from nova_core.wire.gemini.schema import to_json_schema, to_openapi
from nova_core.wire.openai_chat.fields import Fields, bad_field

CALLING: Final = "functionCallingConfig"


def parse_tools(fields: Fields) -> tuple[Tool | HostedTool, ...]:
    """Each function by itself; each tool that the vendor runs as it is."""
    tools: list[Tool | HostedTool] = []
    for place, value in enumerate(fields.array("tools") or ()):
        inner = fields_of(value, f"{fields.at('tools')}[{place}]")
        for number, declared in enumerate(inner.array("functionDeclarations") or ()):
            tools.append(_function(fields_of(declared, f"{inner.at('functionDeclarations')}[{number}]")))
        tools += [HostedTool(NAME, {name: options}) for name, options in inner.left().items()]
    return tuple(tools)


def _function(fields: Fields) -> Tool:
    name, description = fields.required_text("name"), fields.text("description")
    schema, own = fields.members("parametersJsonSchema"), fields.members("parameters")
    if schema is None and own is not None:
        schema = to_json_schema(own)
    return Tool(name, description, schema, extra=fields.extra(NAME))


def parse_choice(fields: Fields) -> tuple[ToolChoice | None, dict[str, Any]]:
    """`toolConfig` as a choice, and what else it says."""
    config = fields_of(fields.take("toolConfig") or {}, fields.at("toolConfig"))
    calling = fields_of(config.take(CALLING) or {}, config.at(CALLING))
    mode, allowed = enum(calling.text("mode")), calling.strings("allowedFunctionNames")
    left = {calling.at(name): value for name, value in calling.left().items()}
    left |= {config.at(name): value for name, value in config.left().items()}
    match mode:
        case None | "MODE_UNSPECIFIED":
            return None, left
        case "AUTO" | "NONE" | "VALIDATED":
            extra: dict[str, Any] = {"validated": True} if mode == "VALIDATED" else {}
            if allowed:
                extra["allowedFunctionNames"] = list(allowed)
            return ToolChoice("none" if mode == "NONE" else "auto", extra={NAME: extra} if extra else {}), left
        case "ANY" if len(allowed) == 1:
            return ToolChoice("named", allowed[0]), left
        case "ANY":
            return ToolChoice(
                "required", extra={NAME: {"allowedFunctionNames": list(allowed)}} if allowed else {}
            ), left
    raise bad_field(calling.at("mode"), "must be AUTO, ANY, NONE or VALIDATED")


def render_tools(typed: ChatRequest, notes: Notes) -> list[dict[str, Any]]:
    """All functions in one tool, then the tools that the vendor runs."""
    functions: list[dict[str, Any]] = []
    hosted: list[dict[str, Any]] = []
    for place, tool in enumerate(typed.tools):
        path = f"tools[{place}]"
        if isinstance(tool, Tool):
            functions.append(_declaration(tool, path, notes))
        elif tool.dialect == NAME:
            hosted.append(dict(tool.raw))
        else:
            notes.lost(path, f"only {tool.dialect} knows {tool.raw.get('type', 'this tool')}")
    if _wants_search(typed):
        notes.approximated("web_search_options", "the vendor's web search tool")
        hosted.append({"googleSearch": {}})
    return [*([{"functionDeclarations": functions}] if functions else []), *hosted]


def _wants_search(typed: ChatRequest) -> bool:
    return any("web_search_options" in members for dialect, members in typed.extra.items() if dialect != NAME)


def _declaration(tool: Tool, path: str, notes: Notes) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        declared["description"] = tool.description
    if tool.schema is not None and tool.schema.get("properties") != {}:
        own = to_openapi(tool.schema)
        declared |= {"parameters": own} if own is not None else {"parametersJsonSchema": dict(tool.schema)}
    if tool.strict:
        notes.hint(f"{path}.function.strict")
    notes.unmarked(tool.cache, path)
    notes.extra(declared, tool.extra, path)
    return declared


def render_choice(typed: ChatRequest, notes: Notes) -> dict[str, Any]:
    """The `toolConfig`; empty where nothing was chosen."""
    _parallel(typed, notes)
    choice = typed.tool_choice
    if choice is None:
        return {}
    notes.foreign(choice.extra, "tool_choice")
    if not any(isinstance(tool, Tool) for tool in typed.tools):
        (notes.lost if choice.mode in ("required", "named") else notes.hint)("tool_choice", "there are no functions")
        return {}
    own = choice.extra.get(NAME, {})
    mode = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}[choice.mode]
    calling: dict[str, Any] = {"mode": "VALIDATED" if own.get("validated") else mode}
    if choice.name is not None:
        calling["allowedFunctionNames"] = [choice.name]
    elif "allowedFunctionNames" in own:
        calling["allowedFunctionNames"] = own["allowedFunctionNames"]
    return {CALLING: calling}


def _parallel(typed: ChatRequest, notes: Notes) -> None:
    if typed.parallel_tool_calls is None:
        return
    if typed.parallel_tool_calls or not typed.tools:
        notes.hint("parallel_tool_calls", "the model decides how many tools it calls at once")
    else:
        notes.lost("parallel_tool_calls", "the model decides how many tools it calls at once")
