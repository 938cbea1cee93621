"""Reading decoded JSON with the field's path in every complaint, and reporting what became of fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import BadRequestError
from nova_core.types.chat import CacheBreakpoint, Extra
from nova_core.types.fidelity import Fate, Fidelity, FieldNote

NAME: Final = "anthropic_messages"
"""The dialect's name, which keys its extras."""


def wrong(path: str, expected: str) -> BadRequestError:
    """The error for a field that is missing or of the wrong type."""
    return BadRequestError(f"`{path}` must be {expected}", param=path)


def string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise wrong(path, "a string")
    return value


def boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(path, "true or false")
    return value


def integer(value: Any, path: str, least: int = 0) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise wrong(path, f"a whole number of at least {least}")
    return value


def number(value: Any, path: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong(path, "a number")
    return value


def array(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong(path, "an array")
    return value


def mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(path, "an object")
    return value


def given(raw: Mapping[str, Any], name: str) -> bool:
    """Whether a field says something; null says the same as leaving it out."""
    return raw.get(name) is not None


def extra_of(raw: Mapping[str, Any], known: Iterable[str]) -> Extra:
    """What is left of an object besides its `known` fields, under this dialect's name; empty when nothing is."""
    left = {name: value for name, value in raw.items() if name not in known}
    return {NAME: left} if left else {}


def native(extra: Extra) -> dict[str, Any]:
    """This dialect's own extras."""
    return dict(extra.get(NAME, {}))


def parse_cache(raw: Mapping[str, Any], path: str) -> CacheBreakpoint | None:
    """`cache_control: {"type": "ephemeral", "ttl": "5m" | "1h"}`."""
    if not given(raw, "cache_control"):
        return None
    path = f"{path}.cache_control" if path else "cache_control"
    control = mapping(raw["cache_control"], path)
    if control.get("type") != "ephemeral":
        raise wrong(f"{path}.type", '"ephemeral"')
    return CacheBreakpoint(string(control["ttl"], f"{path}.ttl") if given(control, "ttl") else None)


def render_cache(cache: CacheBreakpoint | None) -> dict[str, Any]:
    """The `cache_control` field, or nothing."""
    if cache is None:
        return {}
    control = {"type": "ephemeral"} | ({"ttl": cache.ttl} if cache.ttl else {})
    return {"cache_control": control}


def parse_arguments(text: str) -> dict[str, Any] | None:
    """A tool call's JSON arguments as an object, {} for no text; None when they are not one."""
    if not text.strip():
        return {}
    try:
        value = msgspec.json.decode(text.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class Notes:
    """Collects what became of each field while a request or reply is rendered."""

    __slots__ = ("_notes",)

    def __init__(self) -> None:
        self._notes: list[FieldNote] = []

    def mapped(self, field: str, detail: str = "") -> None:
        """Said in other words, nothing lost."""
        self._notes.append(FieldNote(field, Fate.MAPPED, detail))

    def approximated(self, field: str, detail: str = "") -> None:
        """Said nearly."""
        self._notes.append(FieldNote(field, Fate.APPROXIMATED, detail))

    def hint(self, field: str, detail: str = "") -> None:
        """A hint that is left out."""
        self._notes.append(FieldNote(field, Fate.HINT, detail))

    def lost(self, field: str, detail: str = "") -> None:
        """Meaning that cannot be expressed."""
        self._notes.append(FieldNote(field, Fate.LOST, detail))

    def foreign(self, extra: Extra, path: str = "") -> None:
        """Report fields that only other dialects know; empty ones say nothing, and some are only hints."""
        for dialect, fields in extra.items():
            if dialect == NAME:
                continue
            for name, value in fields.items():
                field = f"{path}.{name}" if path else name
                if name in NESTED and isinstance(value, Mapping):
                    self.foreign({dialect: value}, field)
                elif name in HINTS or path == "usage" or value in (None, [], {}, "", False):
                    self.hint(field)
                else:
                    self.lost(field)

    def fidelity(self) -> Fidelity:
        """The report."""
        return Fidelity(tuple(self._notes))


HINTS: Final = frozenset(
    {
        "safety_identifier", "prompt_cache_retention", "prompt_cache_options", "prompt_cache_breakpoint",
        "stream_options", "annotations", "provider_specific_fields", "index",
        # What the official Python client adds to answers it has parsed, and sends back with the history.
        "parsed", "parsed_arguments",
    }
)  # fmt: skip
"""Fields of other dialects that do not change the answer's meaning."""
UNMISSED: Final = frozenset({"context_management", "diagnostics", "speed"})
"""Fields of this dialect that models of others answer as well without."""
NESTED: Final = ("usage", "message", "function")
"""Objects of which only the unknown members are among the extras."""
