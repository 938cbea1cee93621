"""Tools and the choice among them: `toolConfig`."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html

from __future__ import annotations

from typing import Any, Final

from nova_core.types.chat import ChatRequest, Tool
from nova_core.wire.anthropic_messages.fields import NAME as MESSAGES
from nova_core.wire.anthropic_messages.thinking_models import can_be_forced
from nova_plugin_bedrock.names import CLAUDE
from nova_plugin_bedrock.notes import NAME, Body, Notes
from nova_plugin_bedrock.turns import Turns

CHOICES: Final = {"auto": "auto", "required": "any", "named": "tool"}
"""Modes by their names in Converse and in the Messages API."""


class Tools:
    """Renders the tools of one request. What goes to a model in its maker's own words stands in `additional`."""

    __slots__ = ("_claude", "_model", "_notes", "_turns", "additional")

    def __init__(self, notes: Notes, turns: Turns, model: str) -> None:
        self._notes = notes
        self._turns = turns
        self._model = model
        self._claude = CLAUDE.search(model) is not None
        self.additional: dict[str, Any] = {}

    def render(self, typed: ChatRequest, messages: list[Body]) -> Body:
        """The `toolConfig`; empty without tools. A history that used tools needs them declared."""
        tools: list[Body] = []
        for place, tool in enumerate(typed.tools):
            path = f"tools[{place}]"
            if isinstance(tool, Tool):
                tools += [self._spec(tool, path), *self._turns.mark(tool.cache, path)]
            elif tool.dialect == NAME:
                tools.append(dict(tool.raw))
            elif tool.dialect == MESSAGES and self._claude:
                self.additional.setdefault("tools", []).append(dict(tool.raw))
            else:
                self._notes.lost(path, f"only {tool.dialect} knows {tool.raw.get('type', 'this tool')}")
        used = _used(messages)
        if not tools and used:
            self._notes.mapped("tools", "tools of the history are declared")
            tools = [{"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}} for name in used]
        config = self._chosen(typed, tools, used=bool(used))
        self._parallel(typed, config)
        return config

    def _spec(self, tool: Tool, path: str) -> Body:
        self._notes.foreign(tool.extra, path)
        schema = {"type": "object", "properties": {}} if tool.schema is None else dict(tool.schema)
        if "type" not in schema:
            schema = {"type": "object", **schema}
            self._notes.mapped(f"{path}.function.parameters", "the vendor needs a schema of type object")
        spec: Body = {"name": tool.name}
        if tool.description:
            spec["description"] = tool.description
        spec["inputSchema"] = {"json": schema}
        if tool.strict is not None:
            spec["strict"] = tool.strict
        return {"toolSpec": spec}

    def _chosen(self, typed: ChatRequest, tools: list[Body], *, used: bool) -> Body:
        choice = typed.tool_choice
        if choice is not None:
            self._notes.foreign(choice.extra, "tool_choice")
        if not tools:
            if choice is not None:
                (self._notes.lost if choice.mode in CHOICES and choice.mode != "auto" else self._notes.hint)(
                    "tool_choice", "there are no tools"
                )
            return {}
        if choice is None:
            return {"tools": tools}
        if choice.mode == "none":
            if used and typed.tools:
                self._notes.lost("tool_choice", "the vendor cannot forbid tools that the history used")
                return {"tools": tools}
            if typed.tools:
                self._notes.approximated("tool_choice", "no tools are sent")
                return {}
            return {"tools": tools}
        if choice.mode != "auto" and not can_be_forced(self._model):
            self._notes.lost("tool_choice", "the model cannot be made to call a tool")
            return {"tools": tools}
        named = {"name": choice.name} if choice.name is not None else {}
        return {"tools": tools, "toolChoice": {CHOICES[choice.mode]: named}}

    def _parallel(self, typed: ChatRequest, config: Body) -> None:
        if typed.parallel_tool_calls is None:
            return
        if typed.parallel_tool_calls or not config:
            self._notes.hint("parallel_tool_calls", "the model decides how many tools it calls at once")
        elif self._claude:
            # The vendor refuses a type beside a `toolChoice` of its own, and needs one where there is none.
            said = {} if "toolChoice" in config else {"type": "auto"}
            self.additional["tool_choice"] = {**said, "disable_parallel_tool_use": True}
            self._notes.mapped("parallel_tool_calls", "tool_choice.disable_parallel_tool_use")
        else:
            self._notes.lost("parallel_tool_calls", "the model decides how many tools it calls at once")


def _used(messages: list[Body]) -> list[str]:
    """Names of tools that the history used."""
    blocks = [block for message in messages for block in message["content"]]
    return list(dict.fromkeys(block["toolUse"]["name"] for block in blocks if "toolUse" in block))
