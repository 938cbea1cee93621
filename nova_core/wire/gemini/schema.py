"""JSON Schema to and from the API's own `Schema`, a subset of OpenAPI's."""

# https://ai.google.dev/api/caching#Schema

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.wire.gemini.fields import camel

SAME: Final = frozenset(
    {
        "title", "description", "default", "format", "pattern", "minimum", "maximum", "minLength", "maxLength",
        "minItems", "maxItems", "minProperties", "maxProperties", "required", "propertyOrdering", "example",
    }
)  # fmt: skip
"""Keywords that mean the same in both."""
TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object"})


def to_json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of a `Schema`: types in lower case, `nullable` as a type, counts as numbers, properties in order."""
    fields = {camel(name): value for name, value in schema.items() if value is not None}
    said: dict[str, Any] = {}
    for name, value in fields.items():
        match name:
            case "type":
                if (kind := str(value).lower()) != "type_unspecified":
                    said["type"] = kind
            case "nullable" | "propertyOrdering":
                continue
            case "properties" | "defs" if isinstance(value, Mapping):
                key = "$defs" if name == "defs" else name
                names = _in_order(value, fields.get("propertyOrdering"))
                said[key] = {inner: _converted(value[inner]) for inner in names}
            case "items" | "additionalProperties":
                said[name] = _converted(value)
            case "anyOf" if isinstance(value, list):
                said[name] = [_converted(item) for item in value]
            case "ref":
                said["$ref"] = str(value).replace("#/defs/", "#/$defs/")
            case _ if name.startswith(("min", "max")) and isinstance(value, str) and value.isdigit():
                said[name] = int(value)  # 64-bit integers are texts in JSON of protocol buffers
            case _:
                said[name] = value
    return _with_null(said) if fields.get("nullable") is True else said


def _in_order(named: Mapping[str, Any], order: Any) -> list[str]:
    """The names in the order of `propertyOrdering`, as models write them; others follow."""
    first = [name for name in order if isinstance(name, str) and name in named] if isinstance(order, list) else []
    return list(dict.fromkeys((*first, *named)))


def _converted(value: Any) -> Any:
    return to_json_schema(value) if isinstance(value, Mapping) else value


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema and None not in schema["enum"]:
        schema = {**schema, "enum": [*schema["enum"], None]}
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return schema


def to_openapi(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The `Schema` that says exactly this JSON Schema; None when there is none (references, closed objects, …)."""
    said: dict[str, Any] = {}
    for name, value in schema.items():
        match name:
            case "type":
                if not _say_type(value, said):
                    return None
            case "properties" if isinstance(value, Mapping):
                inner = {key: to_openapi(item) for key, item in value.items() if isinstance(item, Mapping)}
                if len(inner) < len(value) or None in inner.values():
                    return None
                said[name] = inner
            case "items" if isinstance(value, Mapping):
                if (item := to_openapi(value)) is None:
                    return None
                said[name] = item
            case "anyOf" if isinstance(value, list):
                if not _say_any_of(value, said):
                    return None
            case "enum" if isinstance(value, list) and all(isinstance(item, str) for item in value):
                said[name] = value
            case "const" if isinstance(value, str):
                said["enum"] = [value]
            case _ if name in SAME and not isinstance(value, Mapping):
                said[name] = value
            case _:
                return None
    if "enum" in said and "type" not in said:
        said["type"] = "STRING"
    return said


def _say_type(value: Any, said: dict[str, Any]) -> bool:
    kinds = list(value) if isinstance(value, list) else [value]
    if "null" in kinds:
        kinds.remove("null")
        said["nullable"] = True
    if len(kinds) != 1 or not isinstance(kinds[0], str) or kinds[0] not in TYPES:
        return False
    said["type"] = kinds[0].upper()
    return True


def _say_any_of(value: list[Any], said: dict[str, Any]) -> bool:
    options = [item for item in value if item != {"type": "null"}]
    rendered = [to_openapi(item) if isinstance(item, Mapping) else None for item in options]
    if not rendered or None in rendered:
        return False
    if len(options) < len(value):
        said["nullable"] = True
    said["anyOf"] = rendered
    return True
