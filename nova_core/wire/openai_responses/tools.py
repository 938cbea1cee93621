"""Tools and their choice, to and from the typed model; custom tools travel in the words of chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from nova_core.types.chat import Extra, HostedTool, Tool, ToolChoice
from nova_core.wire.openai_chat.fields import NAME as CHAT
from nova_core.wire.openai_chat.fields import Fields, bad_field
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_responses.fields import NAME

Body = dict[str, Any]
Mode = Literal["auto", "none", "required"]
MODES = ("auto", "none", "required")
OWN = ("function", "custom")
"""Types of tools that the caller runs."""
GRAMMAR = ("definition", "syntax")


def parse_tools(fields: Fields) -> tuple[Tool | HostedTool, ...]:
    """`tools`; those that the vendor runs itself are kept in its words."""
    return tuple(_tool(item, f"tools[{place}]") for place, item in enumerate(fields.array("tools") or ()))


def _tool(value: Any, path: str) -> Tool | HostedTool:
    fields = Fields(value, path)
    kind = fields.text("type")
    if not kind:
        raise bad_field(f"{path}.type", 'is required, such as "function"')
    if kind == "custom":
        return HostedTool(CHAT, {"type": "custom", "custom": _custom(fields)})
    if kind != "function":
        return HostedTool(NAME, value)
    name = fields.required_text("name")
    if not name:
        raise bad_field(f"{path}.name", "must not be empty")
    description, schema, strict = fields.text("description"), fields.members("parameters"), fields.boolean("strict")
    return Tool(name, description, schema, strict, cache=fields.cache(), extra=fields.extra(NAME))


def _custom(fields: Fields) -> Body:
    tool: Body = {"name": fields.required_text("name")}
    form = fields.members("format")
    if form is not None and form.get("type") == "grammar":
        form = {"type": "grammar", "grammar": {name: form.get(name) for name in GRAMMAR}}
    return {**tool, **fields.left(), **({"format": form} if form is not None else {})}


def render_tools(tools: tuple[Tool | HostedTool, ...], notes: Notes) -> list[Body]:
    """The tools that this dialect can say; the others are noted."""
    rendered = [_tool_body(tool, f"tools[{place}]", notes) for place, tool in enumerate(tools)]
    return [body for body in rendered if body is not None]


def _tool_body(tool: Tool | HostedTool, path: str, notes: Notes) -> Body | None:
    if isinstance(tool, HostedTool):
        if tool.dialect == NAME:
            return dict(tool.raw)
        if tool.dialect == CHAT and isinstance(tool.raw.get("custom"), Mapping):
            return _custom_body(tool.raw["custom"])
        notes.lost(path, f"only {tool.dialect} knows {tool.raw.get('type', 'this tool')}")
        return None
    # The vendor is strict where it is not told, and then refuses schemas that others take.
    strict = tool.strict if notes.own or tool.strict is not None else False
    said = {"name": tool.name, "description": tool.description, "parameters": tool.schema, "strict": strict}
    body: Body = {"type": "function", **{name: value for name, value in said.items() if value is not None}}
    notes.cache(body, tool.cache, path)
    notes.extra(body, tool.extra, path)
    return body


def _custom_body(custom: Mapping[str, Any]) -> Body:
    form = custom.get("format")
    grammar = form.get("grammar") if isinstance(form, Mapping) else None
    flat = {"format": {"type": "grammar", **grammar}} if isinstance(grammar, Mapping) else {}
    return {"type": "custom", **custom, **flat}


def parse_choice(fields: Fields) -> ToolChoice | None:
    """`tool_choice`: a mode, a tool of one's own by name, or one of the vendor's by type."""
    value = fields.take("tool_choice")
    if value is None:
        return None
    if isinstance(value, str):
        if value not in MODES:
            raise bad_field("tool_choice", f"must be one of {', '.join(MODES)}, or an object that names a tool")
        return ToolChoice(cast(Mode, value))
    choice = Fields(value, "tool_choice")
    kind = choice.required_text("type")
    if kind == "function":
        return ToolChoice("named", choice.required_text("name"))
    if kind == "custom":
        return ToolChoice("named", choice.required_text("name"), {CHAT: {"type": "custom"}})
    if kind == "allowed_tools":
        mode: Mode = "required" if choice.text("mode") == "required" else "auto"
        return ToolChoice(mode, extra=_allowed(value, mode))
    return ToolChoice("named", kind, {NAME: {"hosted": value}})


def _allowed(value: Mapping[str, Any], mode: str) -> Extra:
    """The tools that may be called, in the words of chat completions where they are all the caller's own."""
    tools = value.get("tools")
    named = [_named(tool) for tool in tools] if isinstance(tools, list) else [None]
    if None in named:
        return {NAME: {"allowed_tools": value}}
    return {CHAT: {"allowed_tools": {"mode": mode, "tools": named}}}


def _named(tool: Any) -> Body | None:
    kind, name = (tool.get("type"), tool.get("name")) if isinstance(tool, Mapping) else (None, None)
    return {"type": kind, kind: {"name": name}} if kind in OWN and isinstance(name, str) else None


def _unnamed(tool: Any) -> Body | None:
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    named = tool.get(kind) if kind in OWN else None
    return {"type": kind, "name": named.get("name")} if isinstance(named, Mapping) else None


def render_choice(choice: ToolChoice, notes: Notes) -> Any:
    """The choice in this dialect."""
    own = choice.extra.get(NAME, {})
    kept = own.get("allowed_tools", own.get("hosted"))
    if kept is not None:
        return kept
    allowed = choice.extra.get(CHAT, {}).get("allowed_tools")
    tools = [_unnamed(tool) for tool in allowed.get("tools") or [None]] if isinstance(allowed, Mapping) else [None]
    if None not in tools:
        return {"type": "allowed_tools", "mode": choice.mode, "tools": tools}
    said = {name: value for name, value in choice.extra.get(CHAT, {}).items() if name != "type"}
    notes.extra({}, {**choice.extra, NAME: {}, CHAT: said}, "tool_choice")
    if choice.mode != "named":
        return choice.mode
    return {"type": str(choice.extra.get(CHAT, {}).get("type", "function")), "name": choice.name}
