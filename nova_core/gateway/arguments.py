"""Keyword arguments as JSON: classes that describe an answer, and objects that know their own data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NESTED: Final = frozenset({"messages", "input", "tools", "extra_body"})
"""Arguments in which objects may stand: messages of earlier replies, models of one's own."""


def plain_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with JSON where a pydantic class (`response_format`, `text_format`) or object was given."""
    said = {name: _plain(value) if name in NESTED else value for name, value in given.items()}
    if _describes(wanted := said.get("response_format")):
        said["response_format"] = {"type": "json_schema", "json_schema": _format(wanted)}
    if _describes(wanted := said.get("text_format")):
        text = said.get("text")
        said["text"] = {
            **(text if isinstance(text, Mapping) else {}),
            "format": {"type": "json_schema"} | _format(wanted),
        }
        del said["text_format"]
    return said


def _describes(value: Any) -> bool:
    return isinstance(value, type) and callable(getattr(value, "model_json_schema", None))


def _format(described: Any) -> dict[str, Any]:
    schema = described.model_json_schema()
    return {"name": described.__name__, "schema": strict_schema(schema, schema), "strict": True}


def strict_schema(schema: Any, root: Mapping[str, Any], inside: tuple[str, ...] = ()) -> Any:
    """A schema as strict answers need it: objects have all of their properties and no others.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas: nothing stands beside a `$ref`.
    """
    if isinstance(schema, list):
        return [strict_schema(item, root, inside) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str) and len(schema) > 1:
        if reference in inside:
            return {"$ref": reference}
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        return strict_schema({**_referred(reference, root), **beside}, root, (*inside, reference))
    said = {
        name: _each(value, root, inside) if name in ("properties", "$defs") else strict_schema(value, root, inside)
        for name, value in schema.items()
        if name != "default" or value is not None
    }
    if said.get("type") == "object":
        said.setdefault("additionalProperties", False)
        said["required"] = list(said.get("properties") or ())
    return said


def _each(schemas: Any, root: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
    """Schemas by name, of which none is a keyword."""
    if not isinstance(schemas, Mapping):
        return schemas
    return {name: strict_schema(schema, root, inside) for name, schema in schemas.items()}


def _referred(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    dump = None if isinstance(value, type) else getattr(value, "model_dump", None)
    return dump(mode="json", exclude_none=True) if callable(dump) else value
