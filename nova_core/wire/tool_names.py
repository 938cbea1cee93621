"""Names of tools that an upstream does not take, too long or of other characters: changed here, restored in answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from hashlib import blake2s
from typing import Final

from nova_core.types.chat import ChatRequest, Part, Tool, ToolCall, ToolResult

DIGEST_BYTES = 4
CALLED: Final = (ToolCall, ToolResult)
UNFIT: Final = re.compile(r"[^a-zA-Z0-9_-]")


def short_name(name: str, limit: int) -> str:
    """`name` in at most `limit` (20 or more) characters: a longer one keeps its beginning and ends in a digest.

    The same name is always shortened alike, so that earlier turns of a conversation fit its tools.
    """
    if len(name) <= limit:
        return name
    digest = _digest(name)
    return f"{name[: limit - len(digest) - 1]}_{digest}"


def long_names(names: Iterable[str], limit: int) -> dict[str, str]:
    """The names that are shortened, by what they are shortened to."""
    return {short_name(name, limit): name for name in names if len(name) > limit}


def fitting_name(name: str, limit: int) -> str:
    """`name` in letters, digits, `_` and `-`, at most `limit` (20 or more); one that is changed ends in a digest."""
    said = UNFIT.sub("_", name)
    if said == name:
        return short_name(name, limit)
    digest = _digest(name)
    return f"{said[: limit - len(digest) - 1]}_{digest}"


def changed_names(request: ChatRequest, limit: int) -> dict[str, str]:
    """The names of tools that do not fit, by those that do."""
    names = [tool.name for tool in request.tools if isinstance(tool, Tool)]
    return {said: name for name in names if (said := fitting_name(name, limit)) != name}


def with_short_names(request: ChatRequest, limit: int) -> ChatRequest:
    """The request with every function by its short name: in tools, in the choice of one, and in earlier turns.

    The same object when no tool has a longer name.
    """
    return _with_names(request, partial(short_name, limit=limit))


def with_fitting_names(request: ChatRequest, limit: int) -> ChatRequest:
    """The same with names that fit."""
    return _with_names(request, partial(fitting_name, limit=limit))


def with_short_ids(request: ChatRequest, limit: int) -> ChatRequest:
    """The request with ids of calls in at most `limit` characters; longer ones, of other vendors, are shortened."""
    parts = (part for message in request.messages for part in message.parts)
    ids = (part.id if isinstance(part, ToolCall) else part.call_id for part in parts if isinstance(part, CALLED))
    if all(len(each) <= limit for each in ids):
        return request
    messages = (
        replace(message, parts=tuple(_identified(part, limit) for part in message.parts))
        for message in request.messages
    )
    return replace(request, messages=tuple(messages))


def _identified(part: Part, limit: int) -> Part:
    if isinstance(part, ToolCall):
        return replace(part, id=short_name(part.id, limit))
    return replace(part, call_id=short_name(part.call_id, limit)) if isinstance(part, ToolResult) else part


def _with_names(request: ChatRequest, said: Callable[[str], str]) -> ChatRequest:
    if not any(isinstance(tool, Tool) and said(tool.name) != tool.name for tool in request.tools):
        return request
    choice = request.tool_choice
    if choice is not None and choice.name is not None:
        choice = replace(choice, name=said(choice.name))
    return replace(
        request,
        tools=tuple(replace(tool, name=said(tool.name)) if isinstance(tool, Tool) else tool for tool in request.tools),
        tool_choice=choice,
        messages=tuple(
            replace(message, parts=tuple(_named(part, said) for part in message.parts)) for message in request.messages
        ),
    )


def _named(part: Part, said: Callable[[str], str]) -> Part:
    if isinstance(part, ToolCall | ToolResult) and part.name is not None:
        return replace(part, name=said(part.name))
    return part


def _digest(name: str) -> str:
    return blake2s(name.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()
