"""Typed reading of JSON objects that callers sent, with the field's path in every error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import BadRequestError
from nova_core.types.chat import CacheBreakpoint, Extra

NAME = "openai_chat"


def bad_field(path: str, problem: str) -> BadRequestError:
    """The error for one field; `problem` says what it must be."""
    return BadRequestError(f"`{path}` {problem}", param=path)


class Fields:
    """The members of one JSON object. Each is taken once; null counts as absent; what is left is `extra()`."""

    __slots__ = ("_left", "path")

    def __init__(self, value: Any, path: str) -> None:
        if type(value) is not dict and not isinstance(value, Mapping):
            raise bad_field(path or "body", "must be an object")
        self._left = {name: item for name, item in value.items() if item is not None}
        self.path = path

    def at(self, name: str) -> str:
        """The path of a member."""
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str) -> Any:
        """Any value, None when absent."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.take(name)
        if value is None or isinstance(value, str):
            return value
        raise bad_field(self.at(name), "must be a string")

    def required_text(self, name: str) -> str:
        """A string that must be there, possibly empty."""
        value = self.text(name)
        if value is None:
            raise bad_field(self.at(name), "is required and must be a string")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number."""
        value = self.take(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise bad_field(self.at(name), "must be a whole number")

    def number(self, name: str) -> float | None:
        """A number, integer or not."""
        value = self.take(name)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise bad_field(self.at(name), "must be a number")

    def boolean(self, name: str) -> bool | None:
        """true or false."""
        value = self.take(name)
        if value is None or isinstance(value, bool):
            return value
        raise bad_field(self.at(name), "must be true or false")

    def members(self, name: str) -> dict[str, Any] | None:
        """An object, as it is."""
        value = self.take(name)
        if value is None or isinstance(value, dict):
            return value
        raise bad_field(self.at(name), "must be an object")

    def array(self, name: str) -> list[Any] | None:
        """An array, as it is."""
        value = self.take(name)
        if value is None or isinstance(value, list):
            return value
        raise bad_field(self.at(name), "must be an array")

    def strings(self, name: str) -> tuple[str, ...]:
        """An array of strings; empty when absent."""
        items = self.array(name) or []
        for index, item in enumerate(items):
            if not isinstance(item, str):
                raise bad_field(f"{self.at(name)}[{index}]", "must be a string")
        return tuple(items)

    def cache(self) -> CacheBreakpoint | None:
        """`cache_control`: `{"type": "ephemeral", "ttl"?: "5m" | "1h"}` (Anthropic's, accepted on every part)."""
        value = self.members("cache_control")
        if value is None:
            return None
        ttl = value.get("ttl")
        if value.get("type") != "ephemeral" or ttl not in (None, "5m", "1h"):
            raise bad_field(self.at("cache_control"), 'must be {"type": "ephemeral"}, with a `ttl` of "5m" or "1h"')
        return CacheBreakpoint(ttl)

    def put_back(self, name: str, value: Any) -> None:
        """Leave `value` for `extra()`."""
        self._left[name] = value

    def left(self) -> dict[str, Any]:
        """What nobody took."""
        return dict(self._left)

    def extra(self, dialect: str = NAME) -> Extra:
        """What nobody took, under the dialect's name; empty when nothing is left."""
        return {dialect: dict(self._left)} if self._left else {}


class Answered(Fields):
    """The members of an object that an upstream answered: of another kind than they should be, they are left for
    `extra()`, and numbers may be said as text.
    """

    __slots__ = ()

    def text(self, name: str) -> str | None:
        """A string."""
        found: str | None = self._of(name, str)
        return found

    def integer(self, name: str) -> int | None:
        """A whole number."""
        value = self.number(name)
        return None if value is None else int(value)

    def number(self, name: str) -> float | None:
        """A number, integer or not."""
        value = self._left.get(name)
        if isinstance(value, str) and value.isdecimal():
            self._left[name] = int(value)
        if isinstance(self._left.get(name), bool):
            return None
        found: float | None = self._of(name, int | float)
        return found

    def members(self, name: str) -> dict[str, Any] | None:
        """An object, as it is."""
        found: dict[str, Any] | None = self._of(name, dict)
        return found

    def array(self, name: str) -> list[Any] | None:
        """An array, as it is."""
        found: list[Any] | None = self._of(name, list)
        return found

    def _of(self, name: str, kind: Any) -> Any:
        return self.take(name) if isinstance(self._left.get(name), kind) else None


def starts_with(value: Any, first_bytes: bytes) -> bool:
    """Whether a member's JSON text starts with one of these bytes; only that byte is looked at in `msgspec.Raw`."""
    text = memoryview(value) if type(value) is msgspec.Raw else msgspec.json.encode(value)
    return len(text) > 0 and text[0] in first_bytes
