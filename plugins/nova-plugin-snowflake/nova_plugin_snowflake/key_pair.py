"""Users who prove themselves with a key pair: tokens that they sign."""

# https://docs.snowflake.com/en/developer-guide/snowflake-rest-api/authentication#using-key-pair-authentication

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from nova_core.errors import AuthenticationError
from nova_core.types.secret import Secret
from nova_core.wire import jwt

LIFETIME: Final = 3540.0
"""Seconds of a token; the vendor takes an hour at most."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A user of an account, and the private key (PEM) whose public half the account knows."""

    account: str
    user: str
    private_key: Secret
    passphrase: Secret | None = None

    def token(self, now: float) -> Secret:
        """A token from `now` (Unix seconds) on. Raises AuthenticationError for what is no RSA key in PEM."""
        key = self._key()
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = Hash(SHA256())
        digest.update(public)
        fingerprint = base64.b64encode(digest.finalize()).decode()
        # A locator may be followed by its region, which is no part of the name here.
        subject = f"{self.account.split('.')[0]}.{self.user}".upper()
        claims = {
            "iss": f"{subject}.SHA256:{fingerprint}", "sub": subject, "iat": int(now), "exp": int(now + LIFETIME),
        }  # fmt: skip
        return Secret(jwt.signed(claims, lambda data: key.sign(data, PKCS1v15(), SHA256())))

    def _key(self) -> RSAPrivateKey:
        password = self.passphrase.reveal().encode() if self.passphrase is not None else None
        try:
            key = load_pem_private_key(self.private_key.reveal().encode(), password=password)
        except (ValueError, TypeError) as error:
            raise AuthenticationError("the user's private key is no key in PEM, or its passphrase is wrong") from error
        if not isinstance(key, RSAPrivateKey):
            raise AuthenticationError("the user's private key is no RSA key")
        return key


def key_pair_of(settings: Mapping[str, Any]) -> KeyPair | None:
    """The key pair that a deployment's settings describe; None where something is missing."""
    said = {name: value for name, value in settings.items() if isinstance(value, str) and value}
    if not {"snowflake_account_id", "snowflake_user", "snowflake_private_key"} <= said.keys():
        return None
    passphrase = said.get("snowflake_private_key_passphrase")
    return KeyPair(
        said["snowflake_account_id"],
        said["snowflake_user"],
        Secret(said["snowflake_private_key"]),
        Secret(passphrase) if passphrase else None,
    )
