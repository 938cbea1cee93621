"""Who is calling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Credential:
    """What the caller sent as proof: `key` without its scheme (None when nothing was sent), and where from."""

    key: str | None = field(repr=False)
    source: str
    client_host: str | None = None
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `models` are the public names it may call, `*` wildcards allowed; empty = all."""

    id: str
    name: str | None = None
    admin: bool = False
    models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def may_call(self, model: str) -> bool:
        """Whether this principal may call the public name `model`."""
        return not self.models or _listed(self.models, model)


@lru_cache(maxsize=10_000)
def _listed(patterns: tuple[str, ...], model: str) -> bool:
    return any(pattern == model or fnmatchcase(model, pattern) for pattern in patterns)


ANONYMOUS = Principal(id="anonymous", name="anonymous", admin=True)
