"""AWS Signature Version 4: the headers that sign one request."""

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from nova_core.types.secret import Secret

ALGORITHM: Final = "AWS4-HMAC-SHA256"
UNRESERVED: Final = "-_.~"
S3: Final = "s3"
"""The only service that signs paths as they stand in URLs."""
PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key, with the session's token where the key is a temporary one."""

    access_key: str
    secret_key: Secret
    session_token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Who is asked, and when (in UTC)."""

    region: str
    service: str
    at: datetime

    @property
    def timestamp(self) -> str:
        """Such as `20150830T123600Z`."""
        return self.at.strftime("%Y%m%dT%H%M%SZ")

    @property
    def path(self) -> str:
        """`DATE/REGION/SERVICE/aws4_request`."""
        return f"{self.timestamp[:8]}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request to sign. `headers` are those that are signed besides the host, the date and the token."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def sign(request: Unsigned, keys: Keys, scope: Scope) -> list[tuple[str, str]]:
    """`X-Amz-Date`, `X-Amz-Security-Token` where there is one, and `Authorization`."""
    added = [("X-Amz-Date", scope.timestamp)]
    if keys.session_token is not None:
        added.append(("X-Amz-Security-Token", keys.session_token.reveal()))
    signed = _canonical_headers([("host", _host(request.url)), *request.headers, *added])
    names = ";".join(name for name, _ in signed)
    canonical = _canonical(request, signed, names, escaped=scope.service == S3)
    text = "\n".join((ALGORITHM, scope.timestamp, scope.path, _digest(canonical.encode())))
    signature = _mac(_signing_key(keys, scope), text).hex()
    credential = f"{keys.access_key}/{scope.path}"
    authorization = f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return [*added, ("Authorization", authorization)]


def _canonical(request: Unsigned, signed: list[tuple[str, str]], names: str, *, escaped: bool) -> str:
    """The request as both sides write it down; a path is escaped once more than in its URL, but where it is enough."""
    parts = urlsplit(request.url)
    path = parts.path or "/"
    lines = [request.method, path if escaped else quote(path, safe=f"/{UNRESERVED}"), _canonical_query(parts.query)]
    lines += [f"{name}:{value}" for name, value in signed]
    return "\n".join((*lines, "", names, _digest(request.body)))


def _canonical_query(query: str) -> str:
    pairs = [
        (quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED))
        for name, value in parse_qsl(query, keep_blank_values=True)
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _canonical_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Lower case, in order, white space folded, values of one name joined."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    return [(name, ",".join(values[name])) for name in sorted(values)]


def _host(url: str) -> str:
    """The `Host` header of a URL: its port only where it is not the scheme's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def _signing_key(keys: Keys, scope: Scope) -> bytes:
    key = b"AWS4" + keys.secret_key.reveal().encode()
    for step in scope.path.split("/"):
        key = _mac(key, step)
    return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), hashlib.sha256)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
