"""URLs into what a connection and a request line need of them."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import quote, unquote_to_bytes, urlsplit

from nova_core.gateway.transport_errors import bad_address

PORTS = {"http": 80, "https": 443}
_STRAY = re.compile(r"[\x00-\x20\x7f]")
_NAME = re.compile(r"[A-Za-z0-9_.~!$&'()*+,;=%-]+")


@dataclass(frozen=True, slots=True)
class Address:
    """Where connections go. `where` is the host, and its port if that is not the scheme's own."""

    scheme: str
    host: str
    port: int

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "https"

    @property
    def where(self) -> str:
        """How errors, and the header `Host`, name it."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == PORTS[self.scheme] else f"{shown}:{self.port}"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `path` is the request target, `authorization` what the URL's user and password make."""

    address: Address
    path: str = field(repr=False)
    host_header: str
    authorization: str | None = field(repr=False)


def parse_target(url: str) -> Target:
    """Take an http or https URL apart; the path and query stay as they are written.

    Raises APIConnectionError for anything else, for white space and control characters among it.
    """
    try:
        if _STRAY.search(url):
            raise ValueError
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), _host(parts.hostname or "")
        port = parts.port if parts.port is not None else PORTS[scheme]
    except (KeyError, ValueError):
        raise bad_address() from None
    address = Address(scheme, host, port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        address=address,
        path=path if path.isascii() else quote(path, safe="".join(map(chr, range(0x21, 0x7F)))),
        host_header=address.where,
        authorization=_basic(parts.username, parts.password),
    )


def _host(host: str) -> str:
    """The host as a resolver takes it. Raises ValueError (UnicodeError is one)."""
    if ":" in host:
        return str(ip_address(host))
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if not _NAME.fullmatch(host):
        raise ValueError
    return host


def _basic(user: str | None, password: str | None) -> str | None:
    if user is None and password is None:
        return None
    pair = unquote_to_bytes(user or "") + b":" + unquote_to_bytes(password or "")
    return f"Basic {base64.b64encode(pair).decode('ascii')}"
