"""Reading objects of the Gemini API, whose fields may be written in camelCase or in snake_case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.chat import Extra
from nova_core.wire.openai_chat.fields import Fields, bad_field

NAME: Final = "gemini_generate"
"""The dialect's name, which keys its extras."""


def camel(name: str) -> str:
    """`inline_data` as `inlineData`: JSON of protocol buffers may say either."""
    if "_" not in name:
        return name
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def canonical(value: Any, path: str) -> dict[str, Any]:
    """One object's fields in camelCase, what is in them untouched. Raises BadRequestError for what is no object."""
    if type(value) is not dict and not isinstance(value, Mapping):
        raise bad_field(path or "body", "must be an object")
    return {camel(name): item for name, item in value.items()}


def fields_of(value: Any, path: str) -> Fields:
    """The fields of one object, to be taken one by one under their camelCase names."""
    return Fields(canonical(value, path), path)


def native(extra: Extra) -> dict[str, Any]:
    """This dialect's own extras."""
    return dict(extra.get(NAME, {}))


def enum(value: str | None) -> str | None:
    """The name of an enumeration's value, which is written in capitals."""
    return None if value is None else value.upper()


def member(members: Mapping[str, Any], name: str) -> Any:
    """A member under its camelCase name or in snake_case, as `msgspec.Raw` or decoded; None when absent."""
    if name in members:
        return members[name]
    return next((value for key, value in members.items() if camel(key) == name), None)
