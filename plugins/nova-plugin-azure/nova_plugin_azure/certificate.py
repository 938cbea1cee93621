"""Assertions that an application signs with the key of its certificate."""

# https://learn.microsoft.com/entra/identity-platform/certificate-credentials

from __future__ import annotations

from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from nova_core.errors import AuthenticationError
from nova_core.wire import jwt

LIFETIME = 600


def assertion(pem: bytes, password: bytes | None, client_id: str, audience: str, now: float) -> str:
    """The signed assertion. Raises AuthenticationError for a file without a certificate and its RSA key in PEM."""
    try:
        certificate = load_pem_x509_certificate(pem)
        key = load_pem_private_key(pem, password)
    except (ValueError, TypeError) as error:
        raise AuthenticationError("the client certificate's file holds no certificate and key in PEM") from error
    if not isinstance(key, RSAPrivateKey):
        raise AuthenticationError("the client certificate's key is no RSA key")
    start = int(now)
    claims = {
        "aud": audience, "iss": client_id, "sub": client_id, "jti": uuid4().hex, "nbf": start, "iat": start,
        "exp": start + LIFETIME,
    }  # fmt: skip
    thumbprint = certificate.fingerprint(SHA256())
    return jwt.signed(claims, lambda data: key.sign(data, PKCS1v15(), SHA256()), thumbprint=thumbprint)
