"""Signatures of requests with the RSA key of a user."""

# https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from nova_core.errors import ConfigurationError
from nova_core.types.secret import Secret

SIGNED = ("date", "(request-target)", "host", "content-length", "content-type", "x-content-sha256")


@dataclass(frozen=True, slots=True)
class Signer:
    """A user of a tenancy, with a key that the user has registered."""

    tenancy: str
    user: str
    fingerprint: str
    pem: Secret
    passphrase: Secret | None = None

    @property
    def key_id(self) -> str:
        """What the signature is checked against."""
        return f"{self.tenancy}/{self.user}/{self.fingerprint}"

    def key(self) -> RSAPrivateKey:
        """The key. Raises ConfigurationError when it cannot be read."""
        passphrase = self.passphrase.reveal().encode() if self.passphrase is not None else None
        try:
            # Environment variables hold line breaks in words.
            found = load_pem_private_key(self.pem.reveal().replace("\\n", "\n").encode(), passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigurationError("`oci_key` is no private key in PEM, or its passphrase is wrong") from error
        if not isinstance(found, RSAPrivateKey):
            raise ConfigurationError("`oci_key` must be an RSA key")
        return found


def signer_of(settings: Mapping[str, Any]) -> Signer | None:
    """The signer that a deployment's settings describe; None where something is missing."""
    said = {name: value for name, value in settings.items() if isinstance(value, str) and value}
    if not {"oci_tenancy", "oci_user", "oci_fingerprint", "oci_key"} <= said.keys():
        return None
    passphrase = Secret(said["oci_key_passphrase"]) if "oci_key_passphrase" in said else None
    return Signer(said["oci_tenancy"], said["oci_user"], said["oci_fingerprint"], Secret(said["oci_key"]), passphrase)


def key_in_file(path: str) -> str:
    """The text of a key's file. Raises ConfigurationError when it cannot be read."""
    try:
        return Path(path).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"`oci_key_file` cannot be read: {error}") from error


def signed(url: str, body: bytes, key_id: str, key: RSAPrivateKey, now: float) -> list[tuple[str, str]]:
    """The headers that a `POST` of JSON carries; `now` is in Unix seconds."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    said = {
        "date": formatdate(now, usegmt=True),
        "(request-target)": f"post {target}",
        "host": parts.netloc,
        "content-length": str(len(body)),
        "content-type": "application/json",
        "x-content-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    text = "\n".join(f"{name}: {said[name]}" for name in SIGNED)
    signature = base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
    proof = f'Signature version="1",keyId="{key_id}",algorithm="rsa-sha256",headers="{" ".join(SIGNED)}"'
    return [
        ("Date", said["date"]),
        ("x-content-sha256", said["x-content-sha256"]),
        ("Authorization", f'{proof},signature="{signature}"'),
    ]
