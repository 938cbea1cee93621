"""Value types of the sections: one spelling inside, the spellings users write outside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from nova_core.config.redact import is_secret_key, redacted


class Section(BaseModel):
    """Base of every section: unknown keys are kept, values are coerced, secrets stay out of the repr."""

    model_config = ConfigDict(
        extra="allow", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True, allow_inf_nan=False,
        protected_namespaces=(), populate_by_name=True,
    )  # fmt: skip

    def __repr_args__(self) -> Any:
        for name, value in super().__repr_args__():
            yield name, "***" if name and value is not None and is_secret_key(name) else redacted(value)


class OwnSection(Section):
    """A section of our own, where a key we do not know is a mistake."""

    model_config = ConfigDict(extra="forbid")


PRICE_KEY = re.compile(r"(^|_)cost(_per_|_above_|_flex|_priority|_fast|_batches|$)")


def is_price_key(name: str) -> bool:
    """Whether a key of `params` or `model_info` is a price in dollars: `input_cost_per_token`, `…_token_cost`, …"""
    return PRICE_KEY.search(name) is not None


def misplaced(message: str, *at: str | int) -> PydanticCustomError:
    """An error about the item at `at`, counted from the field that is being validated."""
    return PydanticCustomError("nova", "{message}", {"message": message, "at": list(at)})


def _as_list(value: Any) -> Any:
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


def _as_alias(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


def _as_flag(value: Any) -> Any:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return value


def _as_fallbacks(value: Any) -> Any:
    """`[{"a": ["b", "c"]}]` to `{"a": ("b", "c")}`; the first entry for a name counts."""
    if value is None:
        return {}
    if not isinstance(value, list):
        raise misplaced('must be a list such as [{"model-a": ["model-b"]}]')
    found: dict[str, tuple[str, ...]] = {}
    for index, entry in enumerate(value):
        if not isinstance(entry, Mapping) or len(entry) != 1:
            raise misplaced('each entry must have exactly one key, such as {"model-a": ["model-b"]}', index)
        ((name, targets),) = entry.items()
        targets = _as_list(targets)
        if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
            raise misplaced("must be a list of model names", index, name)
        found.setdefault(str(name), tuple(targets))
    return found


TextList = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_list),
    PlainSerializer(list, return_type=list[str]),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One name or a list of names."""

Fallbacks = Annotated[
    dict[str, tuple[str, ...]],
    BeforeValidator(_as_fallbacks),
    WithJsonSchema({
        "type": "array",
        "items": {"type": "object", "minProperties": 1, "maxProperties": 1,
                  "additionalProperties": {"anyOf": [{"type": "string"},
                                                     {"type": "array", "items": {"type": "string"}}]}},
    }),
]  # fmt: skip
"""Model group to the groups tried after it; `*` stands for every group."""

FlagOrPath = Annotated[
    bool | str, BeforeValidator(_as_flag), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string"}]})
]
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]


class Alias(Section):
    """The group a name stands for; `hidden` keeps the name out of listings."""

    model: str
    hidden: bool = False


AliasEntry = Annotated[
    Alias,
    BeforeValidator(_as_alias),
    WithJsonSchema({
        "anyOf": [
            {"type": "string"},
            {"type": "object", "required": ["model"],
             "properties": {"model": {"type": "string"}, "hidden": {"type": "boolean"}}},
        ]
    }),
]  # fmt: skip
