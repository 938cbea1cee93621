"""Signatures of thoughts that name their maker, whose models alone take them back.

A signature without a name is one of the Messages API or of a host of its models.
"""

from __future__ import annotations

import re
from typing import Final

NAMED: Final = re.compile(r"[a-z_]+:")
"""No signature of a vendor begins so: they are base64."""


def named(maker: str, signature: str) -> str:
    """The signature as other dialects carry it; `maker` is the dialect that it belongs to."""
    return f"{maker}:{signature}"


def own_signature(maker: str, signature: str) -> str | None:
    """The signature as its maker wrote it; None for one of another maker."""
    return signature.removeprefix(f"{maker}:") if signature.startswith(f"{maker}:") else None


def is_named(signature: str | None) -> bool:
    """Whether a signature names its maker."""
    return signature is not None and NAMED.match(signature) is not None
