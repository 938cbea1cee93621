"""Embeddings of the echo: unit vectors that depend on model and item alone."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
from typing import Any

from nova_core.errors import BadRequestError
from nova_core.types.embeddings import EmbeddingsReply, EmbeddingsRequest, Vector
from nova_core.types.usage import Usage

WIDTH = 32
WIDEST = 8192


def embed(request: EmbeddingsRequest, model: str) -> EmbeddingsReply:
    """A vector per item. Raises BadRequestError for a width that is out of range or asked of a multivector."""
    width = WIDTH if request.dimensions is None else request.dimensions
    if not 1 <= width <= WIDEST:
        raise BadRequestError(f"dimensions must be between 1 and {WIDEST}, not {width}", param="dimensions")
    if request.return_multivector and request.dimensions is not None:
        raise BadRequestError("dimensions cannot be combined with return_multivector", param="dimensions")
    data = tuple(
        Vector(index, _embedding(request, model, _text(item), width)) for index, item in enumerate(request.input)
    )
    return EmbeddingsReply(model, data, Usage(input=sum(count(item) for item in request.input)))


def count(item: Any) -> int:
    """Tokens of an item: words of a text, tokens of a token list."""
    return len(item) if isinstance(item, list) else len(_text(item).split())


def unit(seed: str, width: int) -> list[float]:
    """A vector of length 1, the same for the same seed."""
    blocks = (hashlib.sha256(f"{block}\n{seed}".encode()).digest() for block in range(width // 8 + 1))
    numbers = [value / 2**31 - 1 for value in struct.unpack(f"<{width}I", b"".join(blocks)[: 4 * width])]
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [number / length for number in numbers]


def _embedding(request: EmbeddingsRequest, model: str, text: str, width: int) -> list[float] | list[list[float]] | str:
    if request.return_multivector:
        return [unit(f"{model}\n{word}", width) for word in text.split() or [""]]
    vector = unit(f"{model}\n{text}", width)
    if request.encoding_format == "base64":
        return base64.b64encode(struct.pack(f"<{width}f", *vector)).decode()
    return vector


def _text(item: Any) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, dict) and isinstance(item.get("text"), str) and "image" not in item:
        return str(item["text"])
    return json.dumps(item, sort_keys=True, ensure_ascii=False)
