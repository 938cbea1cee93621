"""Fallbacks as callers write them: names, objects that change the request, and mappings by model group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.errors import BadRequestError

ANY = "*"

ByGroup = Mapping[str, tuple[str, ...]]
Said = Mapping[str, Mapping[str, Any]]


def asked_fallbacks(value: Any) -> tuple[tuple[str, ...] | None, Said]:
    """The groups of `["m2", {"model": "m3", "temperature": 0}]`, and what the request says otherwise for them.

    None: not given. Raises BadRequestError.
    """
    if value is None:
        return None, {}
    names: list[str] = []
    said: dict[str, Mapping[str, Any]] = {}
    for item in value if isinstance(value, list) else [value]:
        name = item.get("model") if isinstance(item, dict) else item
        if not isinstance(name, str):
            raise BadRequestError(
                "`fallbacks` must be a list of model names, or of objects with a `model`", param="fallbacks"
            )
        names.append(name)
        if isinstance(item, dict) and len(item) > 1 and name not in said:
            said[name] = {key: member for key, member in item.items() if key != "model"}
    return tuple(names), said


def fallbacks_by_group(param: str, value: Any) -> ByGroup:
    """`[{"small": ["large"]}]`, `{"small": "large"}`, or the groups themselves: after whatever was called.

    Raises BadRequestError.
    """
    if value is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for item in value if isinstance(value, list) else [value]:
        for group, targets in item.items() if isinstance(item, dict) else ((ANY, item),):
            listed = targets if isinstance(targets, list) else [targets]
            if not all(isinstance(target, str) for target in listed):
                raise BadRequestError(f"`{param}` must map model names to lists of model names", param=param)
            known = found.get(group, ())
            found[group] = (*known, *listed) if group == ANY else known or tuple(listed)
    return found
