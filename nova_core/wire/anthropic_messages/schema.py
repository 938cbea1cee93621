"""JSON schemas for structured outputs: what the vendor accepts of them."""

# https://platform.claude.com/docs/en/build-with-claude/structured-outputs (JSON Schema limitations)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

UNSUPPORTED: Final = frozenset(
    {
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
        "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "minProperties", "maxProperties",
        "patternProperties", "propertyNames", "unevaluatedProperties", "unevaluatedItems", "not", "if", "then",
        "else", "dependentSchemas", "dependentRequired",
    }
)  # fmt: skip
NAMED: Final = ("properties", "$defs", "definitions")
LISTED: Final = ("anyOf", "allOf", "prefixItems")


def conforming(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with objects closed, `oneOf` as `anyOf`, and what cannot be enforced told in the description."""
    kept: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for name, value in schema.items():
        if name in UNSUPPORTED or (name == "minItems" and value not in (0, 1)):
            told[name] = value
        elif name == "oneOf" and isinstance(value, list):
            kept["anyOf"] = [*kept.get("anyOf", []), *map(_inner, value)]
        elif name in NAMED and isinstance(value, dict):
            kept[name] = {key: _inner(inner) for key, inner in value.items()}
        elif name in LISTED and isinstance(value, list):
            kept[name] = [*kept.get(name, []), *map(_inner, value)]
        elif name == "items":
            kept[name] = _inner(value)
        else:
            kept[name] = value
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema:
        kept["additionalProperties"] = False
    if told:
        words = ", ".join(f"{name}: {msgspec.json.encode(value).decode()}" for name, value in told.items())
        said = kept.get("description")
        kept["description"] = f"{said}\n\n{{{words}}}" if isinstance(said, str) and said else f"{{{words}}}"
    return kept


def _inner(value: Any) -> Any:
    return conforming(value) if isinstance(value, dict) else value
