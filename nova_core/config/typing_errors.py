"""Pydantic's errors in plain words, with file and line, never quoting a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nova_core.config.explain import KeyPath, Problem, did_you_mean, dotted
from nova_core.config.loader import LoadedConfig

_WHOLE, _NUMBER, _TEXT = "must be a whole number", "must be a number", "must be text"
_FLAG, _LIST, _MAPPING = "must be true or false", "must be a list", "must be a mapping (key: value)"
_WORDS: Mapping[str, str] = {
    "missing": "is required",
    "bool_parsing": _FLAG, "bool_type": _FLAG,
    "int_parsing": _WHOLE, "int_type": _WHOLE, "int_from_float": _WHOLE, "int_parsing_size": _WHOLE,
    "float_parsing": _NUMBER, "float_type": _NUMBER, "finite_number": _NUMBER,
    "string_type": _TEXT,
    "list_type": _LIST, "tuple_type": _LIST,
    "dict_type": _MAPPING, "model_type": _MAPPING, "model_attributes_type": _MAPPING, "mapping_type": _MAPPING,
    "extra_forbidden": "is not a key that is known here",
    "string_too_short": "must not be empty", "too_short": "must not be empty",
}  # fmt: skip
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "must be greater than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}


def explain_errors(
    error: ValidationError, model: type[BaseModel], path: KeyPath, loaded: LoadedConfig
) -> Iterator[Problem]:
    """One problem for each place; `path` is where `model` stands in the file."""
    told: set[KeyPath] = set()
    for detail in error.errors(include_input=False, include_url=False):
        context = detail.get("ctx") or {}
        steps = (*path, *detail["loc"], *context.get("at", ()))
        steps = loaded.written(steps) if detail["type"] == "missing" else _in_file(steps, loaded)
        if steps in told:
            continue
        told.add(steps)
        code = "required" if detail["type"] == "missing" else "type"
        if detail["type"] == "extra_forbidden":
            code = "unknown-key"
        yield Problem(
            "error",
            code,
            f"`{dotted(steps)}` {_words(detail, context)}",
            _hint(detail, model, steps),
            loaded.locate(steps),
            steps,
        )


def _in_file(steps: KeyPath, loaded: LoadedConfig) -> KeyPath:
    """Cut the names pydantic adds for the branches of a union: they are no keys of the file."""
    written = loaded.written(steps)
    known = next((size for size in range(len(steps), 0, -1) if written[:size] in loaded.positions), 0)
    return written[:known] or written


def _words(detail: ErrorDetails, context: Mapping[str, Any]) -> str:
    kind = detail["type"]
    if kind == "nova":
        return str(context["message"])
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be one of {context['expected']}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{words} {context[name]:g}"
    return _WORDS.get(kind, "has a value of the wrong kind")


def _hint(detail: ErrorDetails, model: type[BaseModel], steps: KeyPath) -> str:
    if detail["type"] != "extra_forbidden":
        return ""
    return did_you_mean(str(steps[-1]), _field_names(model))


def _field_names(model: type[BaseModel]) -> set[str]:
    """Names of the fields of `model` and of the sections inside it."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        names.add(name)
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= _field_names(inner)
    return names
