"""JSON schemas of tools as strict vendors take them. Everything answers new values and leaves its input alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Schemas that grow beyond this many values are left as they are: two references each, a few levels deep, are enough.
INLINED_VALUES = 20_000
DEFINITIONS = ("$defs", "definitions")


def without_keys(tools: Any, keys: frozenset[str]) -> Any:
    """Tools without `keys`, at any depth, except where a key is the name of an argument."""
    if isinstance(tools, list):
        return [without_keys(item, keys) for item in tools]
    if not isinstance(tools, Mapping):
        return tools
    return {
        name: _arguments(value, keys) if name in ("properties", "$defs") else without_keys(value, keys)
        for name, value in tools.items()
        if not _dropped(name, value, keys)
    }


def with_inlined_refs(tools: Any) -> Any:
    """Tools whose schemas have their definitions in place of references to them.

    A schema that refers to itself cannot be written so and is left as it is.
    """
    if not isinstance(tools, list):
        return tools
    return [_with_inlined_parameters(tool) for tool in tools]


def _with_inlined_parameters(tool: Any) -> Any:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    schema = function.get("parameters") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(schema, Mapping):
        return tool
    try:
        inlined = _Inliner(schema).value({k: v for k, v in schema.items() if k not in DEFINITIONS})
    except RecursionError:
        return tool
    return {**tool, "function": {**function, "parameters": inlined}}


class _Inliner:
    """Puts definitions in place of references. Raises RecursionError where that has no end, or none soon."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._definitions = {
            f"#/{key}/{name}": definition
            for key in DEFINITIONS
            if isinstance(schema.get(key), Mapping)
            for name, definition in schema[key].items()
        }
        self._left = INLINED_VALUES

    def value(self, schema: Any, inside: tuple[str, ...] = ()) -> Any:
        self._left -= 1
        if self._left < 0:
            raise RecursionError("the schema is too large with its references inlined")
        if isinstance(schema, list):
            return [self.value(item, inside) for item in schema]
        if not isinstance(schema, Mapping):
            return schema
        reference = schema.get("$ref")
        if not isinstance(reference, str) or reference not in self._definitions:
            return {name: self.value(item, inside) for name, item in schema.items()}
        if reference in inside:
            raise RecursionError(f"{reference} refers to itself")
        beside = {name: item for name, item in schema.items() if name != "$ref"}
        definition = self._definitions[reference]
        meant = {**definition, **beside} if isinstance(definition, Mapping) else definition
        return self.value(meant, (*inside, reference))


def _dropped(name: str, value: Any, keys: frozenset[str]) -> bool:
    # `additionalProperties: false` only restates strictness; a schema there says something.
    return name in keys and (name != "additionalProperties" or value is False)


def _arguments(value: Any, keys: frozenset[str]) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: without_keys(schema, keys) for name, schema in value.items()}
