"""Names of tools in OpenAI's format: shortened in requests, restored in answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from nova_core.types.message import Request
from nova_core.wire.mended_answers import with_choices
from nova_core.wire.tool_names import long_names, short_name

MEMBERS = ("tools", "tool_choice", "messages")


@cache
def too_long(limit: int) -> re.Pattern[bytes]:
    """What looks like a name of more than `limit` characters."""
    return re.compile(rb'"[\w.:/-]{%d,}"' % (limit + 1))


def shortened(request: Request, limit: int) -> Request:
    """The request with every name of a tool within `limit`."""
    changes = {
        member: _renamed(request.get(member), lambda name: short_name(name, limit))
        for member in MEMBERS
        if _may_be_long(request, member, limit)
    }
    return request.with_members(changes) if changes else request


def names_to_restore(request: Request, limit: int) -> Mapping[str, str]:
    """Long names of the tools of a request of any dialect, by what is sent in their place."""
    if not _may_be_long(request, "tools", limit):
        return {}
    tools = getattr(request.typed, "tools", ())
    return long_names((name for tool in tools if isinstance(name := getattr(tool, "name", None), str)), limit)


class NamesMender:
    """The long names again."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def concerns(self, data: bytes) -> bool:
        """Calls of tools."""
        return b'"tool_calls"' in data

    def mended(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer calling tools by the names that the caller gave them."""
        return with_choices(answer, self._choice)

    def _choice(self, choice: dict[str, Any], part: str, said: Mapping[str, Any]) -> dict[str, Any]:
        return {**choice, part: _renamed(said, lambda name: self._names.get(name, name))}


def _may_be_long(request: Request, member: str, limit: int) -> bool:
    value = request.members.get(member)
    if value is None:
        return False
    data = bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)
    return too_long(limit).search(data) is not None


def _renamed(value: Any, change: Callable[[str], str]) -> Any:
    """Tools, a choice of one, messages or a message, the names of functions in them changed."""
    if isinstance(value, list):
        return [_renamed(item, change) for item in value]
    if not isinstance(value, Mapping):
        return value
    return dict(_renamed_members(value, change))


def _renamed_members(value: Mapping[str, Any], change: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if name == "function" and isinstance(item, Mapping) and isinstance(item.get("name"), str):
            yield name, {**item, "name": change(item["name"])}
        elif name == "tool_calls":
            yield name, _renamed(item, change)
        elif name == "name" and value.get("role") == "tool" and isinstance(item, str):
            yield name, change(item)
        else:
            yield name, item
