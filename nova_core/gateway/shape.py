"""Requests without their texts: what a decision can depend on stays, and texts become their lengths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nova_core.config.redact import MASK, is_secret_key, redacted_text
from nova_core.types.message import Members, plain
from nova_core.types.upload import File
from nova_core.wire.tokens import count_text

TEXT = "$tokens"
"""`{"$tokens": n}` stands for a text of n tokens."""
FILLER = " a"
"""One token, and so is each repetition."""
KEPT = frozenset(
    [
        "model", "role", "type", "task", "adapter", "adapters", "encoding_format", "detail", "format", "media_type",
        "mime_type", "mimeType", "reasoning_effort", "effort", "service_tier", "verbosity", "tool_choice", "modalities",
        "truncation", "allowed_model_region", "region", "ttl", "strict", "embedding_type", "input_type", "taskType",
        "prompt_cache_retention", "prompt_name", "output_dimension", "mode",
    ]
)  # fmt: skip
"""Members whose texts are words of a format or names that the operator has given, and may decide."""
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/*+-]{0,127}")
NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{0,63}")
OPAQUE = frozenset(
    [
        "metadata", "arguments", "args", "parameters", "input_schema", "schema", "json_schema", "properties",
        "response", "output", "user_location", "logit_bias", "extra_body", "parametersJsonSchema",
        "responseSchema", "labels",
    ]
)  # fmt: skip
SCHEMA_NAMES = frozenset({"type", "properties", "items", "required", "enum", "description", "schema", "name"})
SCHEMA_TYPES = frozenset({"object", "string", "number", "integer", "boolean", "array", "null"})
MOST_COUNTED = 1_000_000
"""Characters of one text that are counted; of longer ones the rest is extrapolated."""


def shape_of(members: Members) -> dict[str, Any]:
    """The members with every text that may be anybody's replaced by its number of tokens. Numbers and names stay."""
    return _shapes(plain(members), opaque=False)


def filled(value: Any) -> Any:
    """A shape as members again: texts of as many tokens stand where texts were."""
    if isinstance(value, Mapping):
        if len(value) == 1 and TEXT in value:
            return FILLER * int(value[TEXT])
        return {name: filled(item) for name, item in value.items()}
    return [filled(item) for item in value] if isinstance(value, list) else value


def without_secrets(value: Any) -> Any:
    """A whole body without what looks like a credential, by its name or by itself."""
    if isinstance(value, File):
        return value.facts
    if isinstance(value, Mapping):
        return {
            name: MASK if isinstance(item, str) and is_secret_key(name) else without_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return redacted_text(value) if isinstance(value, str) else value


def _shapes(members: Mapping[str, Any], *, opaque: bool) -> dict[str, Any]:
    return {
        _called(name, place, opaque): _shape(value, name, opaque or _is_opaque(name, value))
        for place, (name, value) in enumerate(members.items())
    }


def _shape(value: Any, name: str, opaque: bool) -> Any:
    if isinstance(value, dict):
        return _shapes(value, opaque=opaque)
    if isinstance(value, list):
        return [_shape(item, name, opaque) for item in value]
    if isinstance(value, File):
        return value.facts
    if not isinstance(value, str):
        return value
    of_format = value in SCHEMA_TYPES if opaque else WORD.fullmatch(value) and redacted_text(value) == value
    return value if name in KEPT and of_format else {TEXT: _tokens(value)}


def _is_opaque(name: str, value: Any) -> bool:
    """Whether somebody's own data begin here: what a tool is called with, metadata, schemas."""
    return name in OPAQUE or (name == "input" and isinstance(value, dict))


def _called(name: str, place: int, opaque: bool) -> str:
    """Names of members are kept where a format has them; in somebody's own data only those of schemas are."""
    known = name in SCHEMA_NAMES if opaque else NAME.fullmatch(name) and redacted_text(name) == name
    return name if known else f"m{place}"


def _tokens(text: str) -> int:
    if len(text) <= MOST_COUNTED:
        return count_text(text)
    return round(count_text(text[:MOST_COUNTED]) * len(text) / MOST_COUNTED)
