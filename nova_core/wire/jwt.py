"""JSON Web Tokens signed with RS256 (RFC 7515, RFC 7518 section 3.3)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import msgspec


def signed(
    claims: Mapping[str, Any],
    sign: Callable[[bytes], bytes],
    *,
    key_id: str | None = None,
    thumbprint: bytes | None = None,
) -> str:
    """The token with these claims; `sign` answers the RSASSA-PKCS1-v1_5 signature of the bytes, with SHA-256.

    `thumbprint` is the SHA-256 digest of the certificate whose key signs.
    """
    header = {"alg": "RS256", "typ": "JWT"} | ({"kid": key_id} if key_id else {})
    if thumbprint is not None:
        header["x5t#S256"] = _text(thumbprint)
    unsigned = f"{_part(header)}.{_part(claims)}"
    return f"{unsigned}.{_text(sign(unsigned.encode()))}"


def _part(value: Mapping[str, Any]) -> str:
    return _text(msgspec.json.encode(value))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
