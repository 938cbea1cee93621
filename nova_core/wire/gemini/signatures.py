"""Signatures of thoughts: here they are bytes, which clients decode and may write anew in another alphabet."""

# https://ai.google.dev/gemini-api/docs/thought-signatures

from __future__ import annotations

import base64
import binascii
from typing import Final

NO_SIGNATURE: Final = "skip_thought_signature_validator"
"""What the vendor documents for calls that another model made."""
WRAPPED: Final = b"nova:"
"""Begins the bytes of a signature that is a text, such as another vendor's."""


def write_signature(signature: str) -> str:
    """The signature as clients of this API hand it back unchanged."""
    try:
        if base64.urlsafe_b64encode(base64.b64decode(signature, b"-_", validate=True)).decode() == signature:
            return signature
    except (binascii.Error, ValueError):
        pass
    return base64.urlsafe_b64encode(WRAPPED + signature.encode()).decode()


def read_signature(text: str | None) -> str | None:
    """The signature that a client handed back; what stands for a missing one is none."""
    if text is None or text == NO_SIGNATURE:
        return None
    try:
        data = base64.b64decode(text.replace("+", "-").replace("/", "_"), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return text
    if data.startswith(WRAPPED):
        return data.removeprefix(WRAPPED).decode("utf-8", "replace")
    return None if data == NO_SIGNATURE.encode() else text
