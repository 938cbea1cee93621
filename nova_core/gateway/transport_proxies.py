"""Which hosts are reached through an outgoing proxy, as the environment says."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

REMEMBERED_HOSTS = 1_000
WITH_SETTINGS = ("darwin", "win32")
"""Where the system has proxies of its own beside those of the environment."""


class OutgoingProxies:
    """`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, read when this is made and decided once a host."""

    __slots__ = ("_decided", "_proxies")

    def __init__(self, *, trust_env: bool) -> None:
        known = _named() if trust_env else {}
        self._proxies = {scheme: known[scheme] for scheme in ("http", "https", "all") if known.get(scheme)}
        self._decided: dict[tuple[str, str], str | None] = {}

    def __bool__(self) -> bool:
        return bool(self._proxies)

    def proxy_for(self, scheme: str, host: str) -> str | None:
        """The URL of the proxy on the way to `host`; it may hold a password."""
        if not self._proxies:
            return None
        key = (scheme, host)
        if key not in self._decided:
            if len(self._decided) >= REMEMBERED_HOSTS:
                self._decided.clear()
            proxy = self._proxies.get(scheme) or self._proxies.get("all")
            self._decided[key] = None if proxy is None or _bypassed(host) else proxy
        return self._decided[key]


def _named() -> Mapping[str, str]:
    """Proxies by scheme. What reads them brings an HTTP client along, so it is imported where there is one."""
    if sys.platform not in WITH_SETTINGS and not any(name.lower().endswith("_proxy") for name in os.environ):
        return {}
    from urllib.request import getproxies

    return getproxies()


def _bypassed(host: str) -> bool:
    from urllib.request import proxy_bypass

    return bool(proxy_bypass(host))
