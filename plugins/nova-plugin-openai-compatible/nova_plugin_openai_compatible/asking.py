"""Chat requests in a vendor's words: what a row renames, replaces, narrows and adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nova_core.types.message import Request
from nova_core.wire.openai_compatible import mentions
from nova_plugin_openai_compatible.json_tool import through_tool, wants_schema
from nova_plugin_openai_compatible.rewriting import rewritten
from nova_plugin_openai_compatible.row import Vendor
from nova_plugin_openai_compatible.schemas import with_inlined_refs, without_keys
from nova_plugin_openai_compatible.thinking import in_words_of, known_effort
from nova_plugin_openai_compatible.tool_names import shortened


def in_words_of_vendor(request: Request, vendor: Vendor) -> Request:
    """A chat request as the vendor takes it."""
    thinks = must_carry_reasoning(request, vendor)
    request = narrowed(request, vendor)
    request = in_words_of(vendor.thinking, request)
    if (effort := known_effort(vendor.efforts, request)) is not None:
        request = request.with_members({"reasoning_effort": effort})
    if asks_by_tool(request, vendor):
        request = through_tool(request)
    if vendor.tool_name_limit is not None:
        request = shortened(request, vendor.tool_name_limit)
    changes: dict[str, Any] = {**dict(_defaults(request, vendor)), **vendor.forced}
    changes |= dict(out_of_range(request, vendor))
    changes |= dict(_tools(request, vendor))
    messages = request.get("messages") if concerns_messages(request, vendor) or nudges(request, vendor) else None
    if isinstance(messages, list):
        changed = rewritten(messages, vendor.messages, request.model, thinking=thinks)
        if nudges(request, vendor):
            changed = [*changed, {"role": "user", "content": vendor.tool_nudge}]
            request = request.without("tool_choice")
        changes |= {"messages": changed} if changed != messages else {}
    changes |= dict(_replaced(request, vendor))
    return request.with_members(changes) if changes else request


def renamed(request: Request, vendor: Vendor) -> Request:
    """Members under the vendor's names; the new name wins where both are given."""
    for old, new in vendor.renames.items():
        if old in request.members:
            value = request.members.get(new, request.members[old])
            request = request.without(old).with_members({new: value})
    return request


def narrowed(request: Request, vendor: Vendor) -> Request:
    """A named tool as the only tool there is, for vendors that cannot be told a name."""
    if vendor.narrows_named_tool is None or not isinstance(choice := request.get("tool_choice"), Mapping):
        return request
    tools, name = request.get("tools"), _name(choice)
    named = [tool for tool in tools if _name(tool) == name] if isinstance(tools, list) and name is not None else []
    return request.with_members({"tool_choice": vendor.narrows_named_tool, "tools": named}) if named else request


def _name(tool: Any) -> Any:
    """The name of a function that is declared or chosen; None where there is none."""
    function = tool.get("function") if isinstance(tool, Mapping) else None
    return function.get("name") if isinstance(function, Mapping) else None


def asks_by_tool(request: Request, vendor: Vendor) -> bool:
    """Whether a JSON schema is asked for that this model only knows from tools."""
    models = vendor.json_by_tool
    return models is not None and wants_schema(request) and models.match(request.model) is not None


def nudges(request: Request, vendor: Vendor) -> bool:
    """Whether a message stands for a `tool_choice` that the vendor has no word for."""
    return bool(vendor.tool_nudge) and request.get("tool_choice") == "required"


def out_of_range(request: Request, vendor: Vendor) -> Iterator[tuple[str, float]]:
    """Members beyond what the vendor takes, with the nearest that it does."""
    for name, (low, high) in vendor.ranges.items():
        value = request.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and not low <= value <= high:
            yield name, min(max(value, low), high)


def concerns_messages(request: Request, vendor: Vendor) -> bool:
    """Whether the row's rules on messages may change these; mostly told without decoding them."""
    rules = vendor.messages
    return rules.reads_every_message or any(mentions(request, "messages", f'"{name}"') for name in rules.drop)


def must_carry_reasoning(request: Request, vendor: Vendor) -> bool:
    """Whether assistant turns must carry their reasoning."""
    rule = vendor.messages.blank_reasoning
    if rule is None:
        return False
    thinking = request.get("thinking")
    if isinstance(thinking, Mapping):
        return thinking.get("type") != "disabled"
    return rule.match(request.model) is not None


def _defaults(request: Request, vendor: Vendor) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in vendor.defaults.items() if name not in request.members)


def _replaced(request: Request, vendor: Vendor) -> Iterator[tuple[str, Any]]:
    for name, known in vendor.values.items():
        value = request.get(name)
        if isinstance(value, str) and value in known:
            yield name, known[value]


def _tools(request: Request, vendor: Vendor) -> Iterator[tuple[str, Any]]:
    inlines = vendor.inlines_refs and mentions(request, "tools", "$ref")
    if not inlines and not any(mentions(request, "tools", key) for key in vendor.schema_drop):
        return
    tools = request.get("tools")
    yield "tools", without_keys(with_inlined_refs(tools) if inlines else tools, vendor.schema_drop)
