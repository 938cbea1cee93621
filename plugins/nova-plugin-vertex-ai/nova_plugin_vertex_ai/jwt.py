"""JSON Web Tokens signed with RS256 (RFC 7515, RFC 7518 section 3.3)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from nova_core.errors import AuthenticationError


def signed(claims: Mapping[str, Any], private_key: str, *, key_id: str | None = None) -> str:
    """The token with these claims. Raises AuthenticationError for what is no RSA key in PEM."""
    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise AuthenticationError("the service account's private key is no key in PEM") from error
    if not isinstance(key, RSAPrivateKey):
        raise AuthenticationError("the service account's private key is no RSA key")
    header = {"alg": "RS256", "typ": "JWT"} | ({"kid": key_id} if key_id else {})
    unsigned = f"{_part(header)}.{_part(claims)}"
    return f"{unsigned}.{_text(key.sign(unsigned.encode(), PKCS1v15(), SHA256()))}"


def _part(value: Mapping[str, Any]) -> str:
    return _text(msgspec.json.encode(value))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
