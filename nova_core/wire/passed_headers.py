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
    shown = ((_public_name(name), value) for name, value in headers.items())
    return {name: value for name, value in shown if name is not None}


@lru_cache(maxsize=1000)
def _public_name(name: str) -> str | None:
    name = name.lower()
    return None if name in HOP_BY_HOP or name.startswith(PRIVATE) else name
