"""Where Redis is, from the configuration and from `REDIS_*`; no text of an error shows a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from nova_core.errors import ConfigurationError
from nova_core.types.secret import Secret

PLUGIN = "store-redis"
NAMES = ("url", "host", "port", "db", "username", "password", "ssl")
SCHEMES = ("redis", "rediss", "unix")
BUDGET = 0.1
VALUES_BUDGET = 1.0
"""Kept values may be conversations with images: they take longer than counters."""
NO, YES = ("", "0", "false", "no", "off"), ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """Where and how. `url` goes before the other parts; `place` is safe to show. Seconds: `budget` for shared
    state, `values_budget` for kept values.
    """

    place: str
    url: Secret | None = None
    host: str = "localhost"
    port: int = 6379
    db: int = 0
    username: str | None = None
    password: Secret | None = None
    ssl: bool = False
    ssl_ca_certs: str | None = None
    namespace: str = "nova"
    budget: float = BUDGET
    values_budget: float = VALUES_BUDGET


def redis_settings(raw: Mapping[str, Any], own: Mapping[str, Any], environ: Mapping[str, str]) -> RedisSettings | None:
    """From the whole configuration and the plugin's own section; None when nothing says that Redis is wanted.

    Raises ConfigurationError naming the key that cannot be used.
    """
    given = _given(raw.get("router_settings") or {})
    if not given and raw.get("plugins") in (None, "auto"):
        return None
    common = RedisSettings(
        "Redis",
        namespace=_namespace(own.get("namespace", "nova")),
        budget=_budget("budget", own.get("budget", BUDGET)),
        values_budget=_budget("values_budget", own.get("values_budget", VALUES_BUDGET)),
        ssl_ca_certs=own.get("ssl_ca_certs") or environ.get("REDIS_SSL_CA_CERTS"),
    )
    given = _completed(given, environ)
    if "url" in given:
        return _from_url(str(given["url"]), common)
    if "host" not in given:
        raise ConfigurationError(
            f"plugin '{PLUGIN}' does not know where Redis is: set router_settings.redis_host or redis_url, or REDIS_URL"
        )
    host, port, db = str(given["host"]), _whole(given, "port", 6379), _whole(given, "db", 0)
    return replace(
        common,
        place=f"Redis at {host}:{port}/{db}",
        host=host,
        port=port,
        db=db,
        username=str(given["username"]) if "username" in given else None,
        password=Secret(str(given["password"])) if "password" in given else None,
        ssl=_switch(given.get("ssl", False)),
    )


def _given(section: Mapping[str, Any]) -> dict[str, Any]:
    return {name: section[f"redis_{name}"] for name in NAMES if section.get(f"redis_{name}") not in (None, "")}


def _completed(given: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """What the configuration leaves out, from the environment: no other address, and nothing beside a URL."""
    found = {name: value for name in NAMES if (value := environ.get(f"REDIS_{name.upper()}"))}
    if "host" in given:
        found.pop("url", None)
    return {**found, **given}


def _from_url(url: str, common: RedisSettings) -> RedisSettings:
    """The text of what `urlsplit` raises may hold credentials, and is not shown."""
    try:
        parts = urlsplit(url)
        place = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        raise ConfigurationError(
            "router_settings.redis_url is not an address (is its password percent-encoded?)"
        ) from None
    if parts.scheme not in SCHEMES:
        raise ConfigurationError("router_settings.redis_url must begin with redis://, rediss:// or unix://")
    password = Secret(parts.password) if parts.password else None
    return replace(common, place=f"Redis at {place}", url=Secret(url), password=password)


def _whole(given: Mapping[str, Any], name: str, default: int) -> int:
    try:
        number = int(given.get(name, default))
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise ConfigurationError(f"router_settings.redis_{name} must be a whole number")
    return number


def _switch(value: Any) -> bool:
    said = str(value).strip().lower()
    if said not in YES + NO:
        raise ConfigurationError("router_settings.redis_ssl must be true or false")
    return said in YES


def _namespace(value: Any) -> str:
    if not isinstance(value, str) or not value or set(value) & set("{}"):
        raise ConfigurationError(f"plugins.{PLUGIN}.namespace must be a text without braces")
    return value


def _budget(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 10:
        raise ConfigurationError(f"plugins.{PLUGIN}.{name} must be seconds above 0 and at most 10")
    return float(value)
