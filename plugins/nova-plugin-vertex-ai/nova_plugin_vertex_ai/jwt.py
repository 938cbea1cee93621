"""Assertions that a service account signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from nova_core.errors import AuthenticationError
from nova_core.wire import jwt


def signed(claims: Mapping[str, Any], private_key: str, *, key_id: str | None = None) -> str:
    """The token with these claims. Raises AuthenticationError for what is no RSA key in PEM."""
    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise AuthenticationError("the service account's private key is no key in PEM") from error
    if not isinstance(key, RSAPrivateKey):
        raise AuthenticationError("the service account's private key is no RSA key")
    return jwt.signed(claims, lambda data: key.sign(data, PKCS1v15(), SHA256()), key_id=key_id)
