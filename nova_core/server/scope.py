"""What is read from a connection's ASGI scope: path, headers, and who is at the other end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from nova_core.errors import ConfigurationError
from nova_core.gateway.options import header
from nova_core.types.call import new_id

Scope = MutableMapping[str, Any]

_CALL_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def route_path(scope: Scope) -> str:
    """The path without the root path, whether or not the proxy in front has removed it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root) and (len(path) == len(root) or path[len(root)] == "/"):
        return path[len(root) :] or "/"
    return path


def headers_of(scope: Scope) -> dict[str, str]:
    """Headers under lower-case names; of a repeated header the values are joined with `, `."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


CALL_ID = "nova.call_id"
"""Where a management request's id is kept in its scope."""


def call_id_of(headers: Mapping[str, str]) -> str:
    """The caller's own id for the call where it is a plain one, else a new one."""
    return given_call_id(headers) or new_id()


def given_call_id(headers: Mapping[str, str]) -> str | None:
    """The caller's own id for the call, if there is one and it is plain."""
    given = header(headers, "call-id")
    return given if given is not None and _CALL_ID.fullmatch(given) else None


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which peers are believed when they say for whom they speak."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def client(self, scope: Scope, headers: Mapping[str, str]) -> str | None:
        """The caller's address: the peer's, or the last one in `X-Forwarded-For` that is no trusted proxy."""
        peer = scope.get("client")
        address: str | None = peer[0] if peer else None
        if not self.networks or address is None or not self._trusted(address):
            return address
        for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
            hop = hop.strip()
            if not hop or _address(hop) is None:
                break
            address = hop
            if not self._trusted(hop):
                break
        return address

    def _trusted(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self.networks)


def proxies_of(ranges: Iterable[str]) -> Proxies:
    """Proxies in these CIDR ranges. Raises ConfigurationError for what is no range."""
    try:
        return Proxies(tuple(ip_network(text, strict=False) for text in ranges))
    except ValueError as error:
        raise ConfigurationError(f"general_settings.trusted_proxy_ranges: {error}") from error


def _address(text: str) -> Any:
    try:
        return ip_address(text)
    except ValueError:
        return None
