"""Names of tools that are longer than an upstream takes: shortened on the way in, restored on the way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2s

from nova_core.types.chat import ChatRequest, HostedTool, Message, Part, Tool, ToolCall, ToolResult

DIGEST_BYTES = 4


def short_name(name: str, limit: int) -> str:
    """`name` in at most `limit` (20 or more) characters: a longer one keeps its beginning and ends in a digest.

    The same name is always shortened alike, so that earlier turns of a conversation fit its tools.
    """
    if len(name) <= limit:
        return name
    digest = blake2s(name.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()
    return f"{name[: limit - len(digest) - 1]}_{digest}"


def long_names(names: Iterable[str], limit: int) -> dict[str, str]:
    """The names that are shortened, by what they are shortened to."""
    return {short_name(name, limit): name for name in names if len(name) > limit}


def with_short_names(request: ChatRequest, limit: int) -> ChatRequest:
    """The request with every function by its short name: in tools, in the choice of one, and in earlier turns.

    The same object when no tool has a longer name.
    """
    if not any(isinstance(tool, Tool) and len(tool.name) > limit for tool in request.tools):
        return request
    choice = request.tool_choice
    if choice is not None and choice.name is not None:
        choice = replace(choice, name=short_name(choice.name, limit))
    return replace(
        request,
        tools=tuple(_short_tool(tool, limit) for tool in request.tools),
        tool_choice=choice,
        messages=tuple(_short_message(message, limit) for message in request.messages),
    )


def _short_tool(tool: Tool | HostedTool, limit: int) -> Tool | HostedTool:
    return replace(tool, name=short_name(tool.name, limit)) if isinstance(tool, Tool) else tool


def _short_message(message: Message, limit: int) -> Message:
    return replace(message, parts=tuple(_short_part(part, limit) for part in message.parts))


def _short_part(part: Part, limit: int) -> Part:
    if isinstance(part, ToolCall | ToolResult) and part.name is not None:
        return replace(part, name=short_name(part.name, limit))
    return part
