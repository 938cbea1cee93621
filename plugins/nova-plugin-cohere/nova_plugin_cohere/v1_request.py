"""A typed chat request into the members of `/v1/chat`, and what became of each field."""

# https://docs.cohere.com/reference/chat-v1

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from nova_core.types.chat import ChatRequest, HostedTool, ResponseFormat, Tool
from nova_core.types.fidelity import Fidelity
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.functions_only import parameters_of
from nova_core.wire.unsaid import note_schema, note_unsaid
from nova_plugin_cohere.request import NAMES as NEXT_NAMES
from nova_plugin_cohere.v1_messages import Body, told

NAME: Final = "cohere_v1_chat"
NAMES: Final = {name: said for name, said in NEXT_NAMES.items() if name != "logprobs"}
"""Names of the typed model, and of this API."""
SAID: Final = frozenset({*NAMES, "stop", "tools", "tool_choice", "parallel_tool_calls", "response_format"})
OWN_MEMBERS: Final = frozenset(
    {
        "preamble", "conversation_id", "prompt_truncation", "connectors", "search_queries_only", "documents",
        "citation_quality", "max_input_tokens", "raw_prompting", "force_single_step", "safety_mode", "k", "p",
        "stop_sequences",
    }
)  # fmt: skip
"""Members of this API that callers and operators may send beside those of another dialect."""
TYPES: Final[Mapping[str, str]] = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict",
}  # fmt: skip
"""Types of parameters, which are those of Python here."""
FLAT: Final = frozenset({"type", "description", "title"})


def render(typed: ChatRequest) -> tuple[Body, Fidelity]:
    """The members and the report. Raises BadRequestError where nothing is asked."""
    notes = ForeignNotes(own=False, dialect=NAME)
    members: Body = {"model": typed.model, **told(typed, notes), "stream": typed.stream}
    members |= {said: value for name, said in NAMES.items() if (value := getattr(typed, name)) is not None}
    if typed.stop:
        members["stop_sequences"] = list(typed.stop)
    members |= _tools(typed, notes)
    if typed.response_format is not None and typed.response_format.kind != "text":
        members["response_format"] = _format(typed.response_format, notes)
    left: dict[str, dict[str, Any]] = {}
    for dialect, extra in typed.extra.items():
        members |= {name: value for name, value in extra.items() if name in OWN_MEMBERS}
        left[dialect] = {name: value for name, value in extra.items() if name not in OWN_MEMBERS}
    notes.foreign(left)
    note_unsaid(replace(typed, extra={}), SAID, notes)
    return members, notes.fidelity()


def _tools(typed: ChatRequest, notes: ForeignNotes) -> Body:
    tools = [said for place, tool in enumerate(typed.tools) if (said := _tool(tool, f"tools[{place}]", notes))]
    if typed.parallel_tool_calls is not None:
        harmless = typed.parallel_tool_calls or not tools
        (notes.hint if harmless else notes.lost)("parallel_tool_calls", "the model decides how many tools it calls")
    choice = typed.tool_choice
    if choice is None:
        return {"tools": tools} if tools else {}
    notes.foreign(choice.extra, "tool_choice")
    if choice.mode in ("required", "named"):
        notes.lost("tool_choice", "the model decides whether it calls tools")
    elif choice.mode == "none" and tools:
        notes.mapped("tool_choice", "the tools are not sent")
        return {}
    else:
        notes.mapped("tool_choice", "what is done unasked")
    return {"tools": tools} if tools else {}


def _tool(tool: Tool | HostedTool, path: str, notes: ForeignNotes) -> Body | None:
    if isinstance(tool, HostedTool):
        notes.lost(path, f"only {tool.dialect} knows {tool.raw.get('type', 'this tool')}")
        return None
    notes.cache({}, tool.cache, path)
    notes.foreign(tool.extra, path)
    if tool.strict is not None:
        notes.hint(f"{path}.function.strict")
    definitions = {
        name: {
            "description": _description(said),
            "type": TYPES.get(str(said.get("type")), "str"),
            "required": required,
        }
        for name, said, required in parameters_of(tool.schema)
    }
    if definitions:
        notes.approximated(f"{path}.function.parameters", "parameters have a type and a description")
    return {"name": tool.name, "description": tool.description or tool.name, "parameter_definitions": definitions}


def _description(said: Mapping[str, Any]) -> str:
    """The description, with what a flat definition has no place for."""
    more = {name: value for name, value in said.items() if name not in FLAT}
    words = [str(said["description"])] if said.get("description") else []
    return " ".join([*words, *([msgspec.json.encode(more).decode()] if more else [])])


def _format(wanted: ResponseFormat, notes: ForeignNotes) -> Body:
    note_schema(wanted, notes, "answers always follow the schema")
    return {"type": "json_object", **({"schema": dict(wanted.schema)} if wanted.schema is not None else {})}
