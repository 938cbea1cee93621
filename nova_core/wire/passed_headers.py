"""Which of an upstream's headers may reach the caller."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "trailers", "transfer-encoding", "upgrade", "set-cookie", "set-cookie2", "alt-svc",
        "strict-transport-security", "www-authenticate", "date", "server", "vary", "age", "location",
    }
)  # fmt: skip
PRIVATE = ("content-", "access-control-", "cross-origin-")


def public_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Upstream headers that may reach the caller, lower case: no hop-by-hop, cookie or content headers."""
    found: dict[str, str] = {}
    # A loop: in Python 3.11 a comprehension is a call of its own.
    for name, shown in _public(tuple(headers)):
        found[shown] = headers[name]
    return found


@lru_cache(maxsize=1000)
def _public(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Those of an upstream's names that are shown, and as what; upstreams hardly ever change them."""
    return tuple((name, shown) for name in names if (shown := _public_name(name)) is not None)


def _public_name(name: str) -> str | None:
    name = name.lower()
    return None if name in HOP_BY_HOP or name.startswith(PRIVATE) else name
