"""Signatures of thoughts: here they are bytes, which clients decode and may write anew in another alphabet."""

# https://ai.google.dev/gemini-api/docs/thought-signatures

from __future__ import annotations

import base64
import binascii
from typing import Final

from nova_core.wire.gemini.fields import NAME
from nova_core.wire.thought_signatures import named, own_signature

NO_SIGNATURE: Final = "skip_thought_signature_validator"
"""What the vendor documents for calls that another model made."""
WRAPPED: Final = b"nova:"
"""Begins the bytes of a signature that is a text, such as another vendor's."""


def write_signature(signature: str) -> str:
    """The signature as clients of this API hand it back unchanged; another vendor's is wrapped."""
    own = own_signature(NAME, signature)
    return base64.urlsafe_b64encode(WRAPPED + signature.encode()).decode() if own is None else own


def read_signature(text: str | None) -> str | None:
    """The signature that a part carries, with the name of its maker; what stands for a missing one is none."""
    if text is None or text == NO_SIGNATURE:
        return None
    try:
        data = base64.b64decode(text.replace("+", "-").replace("/", "_"), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return named(NAME, text)
    if data.startswith(WRAPPED):
        return data.removeprefix(WRAPPED).decode("utf-8", "replace")
    return None if data == NO_SIGNATURE.encode() else named(NAME, text)
