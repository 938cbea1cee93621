"""What the operator and the caller say about caching."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nova_core.errors import BadRequestError, ConfigurationError

MIB = 1024 * 1024
OPERATIONS: Mapping[str, str] = {
    "completion": "chat",
    "acompletion": "chat",
    "chat": "chat",
    "anthropic_messages": "chat",
    "text_completion": "completion",
    "atext_completion": "completion",
    "embedding": "embedding",
    "aembedding": "embedding",
    "rerank": "rerank",
    "arerank": "rerank",
    "moderation": "moderation",
    "amoderation": "moderation",
}
"""Names in `supported_call_types` → operations; names of operations that are not served yet are ignored."""


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """`cache_params`; times in seconds, sizes in bytes. `max_messages` None: any length.

    `enabled` is what `cache` says, or where it is silent, whether the plugin is there by name and not by `auto`.
    """

    enabled: bool = True
    ttl: float = 600.0
    namespace: str = ""
    default_on: bool = True
    operations: frozenset[str] = field(default=frozenset(OPERATIONS.values()))
    max_messages: int | None = None
    max_items: int = 1000
    max_bytes: int = 64 * MIB
    max_item_bytes: int = MIB
    scope: Literal["shared", "principal"] = "shared"


DEFAULTS = CacheSettings()


def cache_settings(raw: Mapping[str, Any]) -> CacheSettings:
    """From the whole configuration. Raises ConfigurationError naming the key that cannot be used."""
    params: dict[str, Any] = {}
    enabled = raw.get("plugins") != "auto"
    for section in ("litellm_settings", "nova_settings"):
        value = raw.get(section)
        if not isinstance(value, Mapping):
            continue
        params.update({name: item for name, item in (value.get("cache_params") or {}).items() if item is not None})
        enabled = enabled if value.get("cache") is None else value["cache"] is True
    scope = params.get("scope", "shared")
    if scope not in ("shared", "principal"):
        raise ConfigurationError("cache_params.scope must be shared or principal")
    types = params.get("supported_call_types")
    names = [types] if isinstance(types, str) else types
    operations = OPERATIONS.values() if names is None else [OPERATIONS[name] for name in names if name in OPERATIONS]
    return CacheSettings(
        enabled=enabled,
        ttl=_number(params, "ttl", DEFAULTS.ttl),
        namespace=str(params.get("namespace", "")),
        default_on=params.get("mode", "default_on") != "default_off",
        operations=frozenset(operations),
        max_messages=int(_number(params, "max_messages", 0, least=0)) if "max_messages" in params else None,
        max_items=int(_number(params, "max_items", DEFAULTS.max_items, least=1)),
        max_bytes=int(_number(params, "max_bytes", DEFAULTS.max_bytes, least=1)),
        max_item_bytes=int(_number(params, "max_item_bytes", DEFAULTS.max_item_bytes, least=1)),
        scope=scope,
    )


@dataclass(frozen=True, slots=True)
class Controls:
    """`cache` in a call. `ttl` and `max_age` are in seconds, None: the operator's, and any age."""

    read: bool = True
    write: bool = True
    ttl: float | None = None
    max_age: float | None = None
    namespace: str | None = None
    asked_for: bool = False


def controls(given: Mapping[str, Any]) -> Controls:
    """Read `cache` of a call. Raises BadRequestError naming the member that cannot be used."""
    if not given:
        return Controls()
    namespace = given.get("namespace")
    if namespace is not None and not isinstance(namespace, str):
        raise BadRequestError("`cache.namespace` must be a string", param="cache.namespace")
    return Controls(
        read=not _flag(given, "no-cache"),
        write=not _flag(given, "no-store"),
        ttl=_seconds(given, "ttl"),
        max_age=_seconds(given, "s-maxage", "s-max-age"),
        namespace=namespace,
        asked_for=_flag(given, "use-cache"),
    )


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise BadRequestError(f"`cache.{name}` must be true or false", param=f"cache.{name}")
    return value


def _seconds(given: Mapping[str, Any], *names: str) -> float | None:
    name = next((name for name in names if given.get(name) is not None), None)
    if name is None:
        return None
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadRequestError(f"`cache.{name}` must be a number of seconds", param=f"cache.{name}")
    return float(value)


def _number(params: Mapping[str, Any], name: str, default: float, *, least: float = 0) -> float:
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
        raise ConfigurationError(f"cache_params.{name} must be a number, at least {least:g}")
    return value
