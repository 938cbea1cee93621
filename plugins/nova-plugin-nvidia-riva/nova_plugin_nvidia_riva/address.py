"""Where a deployment is reached: a host and a port, with TLS or without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from nova_core.errors import ConfigurationError
from nova_core.types.deployment import Deployment

HOSTED: Final = "https://grpc.nvcf.nvidia.com:443"
"""NVIDIA's own address, where functions are called."""
FUNCTION: Final = "nvcf_function_id"
USE_SSL: Final = "use_ssl"
ROOTS: Final = "ssl_root_cert"
SCHEMES: Final[Mapping[str, bool]] = {"https": True, "grpcs": True, "http": False, "grpc": False}
"""Whether what an address begins with means TLS."""
TLS_PORT: Final = 443
OWN_PORT: Final = 50051
"""The port that a server of one's own has unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Address:
    """`target` is `host:port`; `roots` is a file of certificate authorities in the place of the public ones."""

    target: str
    secure: bool
    roots: str | None = None

    @property
    def url(self) -> str:
        """The same as a URL."""
        return f"{'https' if self.secure else 'http'}://{self.target}"


def address_of(base: str, settings: Mapping[str, Any]) -> Address:
    """The address that `base` says, `host:port` or a URL without a path.

    There is TLS where `use_ssl` says so, else where the URL does, else for a hosted function and on port 443.
    Raises ConfigurationError for what is no address.
    """
    scheme, found, rest = base.strip().partition("://")
    try:
        parts = urlsplit(f"//{rest if found else base.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _unusable(base) from error
    if not host or parts.path.strip("/") or parts.query or "@" in parts.netloc or (found and scheme not in SCHEMES):
        raise _unusable(base)
    stated = settings.get(USE_SSL)
    usual = SCHEMES[scheme] if found else bool(settings.get(FUNCTION)) or port == TLS_PORT
    secure = usual if stated is None else _truth(stated)
    named = f"[{host}]" if ":" in host else host
    roots = settings.get(ROOTS)
    where = f"{named}:{port or (TLS_PORT if secure else OWN_PORT)}"
    return Address(where, secure, str(roots) if roots and secure else None)


def reached(deployment: Deployment) -> Address:
    """The address of a deployment. Raises ConfigurationError."""
    return address_of(deployment.api_base or HOSTED, deployment.settings)


def _truth(value: Any) -> bool:
    try:
        return msgspec.convert(value, bool, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"`{USE_SSL}` must be true or false") from error


def _unusable(base: str) -> ConfigurationError:
    return ConfigurationError(f"`api_base` must be HOST:PORT (gRPC has no path), not {base!r}")
