"""What a scripted upstream answers in Voyage's shapes."""

from __future__ import annotations

import base64
import struct
from typing import Any

from nova_core.testing.upstream_replies import DEFAULT_WIDTH, Said, Shape, unit_vector


def _vector(said: Said, place: int, item: Any) -> dict[str, Any]:
    width = said.body.get("output_dimension") or DEFAULT_WIDTH
    vector: Any = unit_vector(f"{said.model}|{item}", width)
    if "base64" in (said.body.get("encoding_format"), said.body.get("output_encoding")):
        vector = base64.b64encode(struct.pack(f"<{width}f", *vector)).decode()
    return {"object": "embedding", "embedding": vector, "index": place}


def _listed(said: Said, data: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": data, "model": said.model, "usage": {"total_tokens": 3}}


def _embeddings(said: Said) -> dict[str, Any]:
    items = said.body.get("input") or said.body["inputs"]
    return _listed(said, [_vector(said, place, item) for place, item in enumerate(items)])


def _in_context(said: Said) -> dict[str, Any]:
    documents = [
        {"object": "list", "index": place, "data": [_vector(said, at, chunk) for at, chunk in enumerate(chunks)]}
        for place, chunks in enumerate(said.body["inputs"])
    ]
    return _listed(said, documents)


def _ranking(said: Said) -> dict[str, Any]:
    found = [{"index": place, "relevance_score": 1 / (place + 2)} for place in range(len(said.body["documents"]))]
    return _listed(said, found[: said.body.get("top_k")])


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"detail": message}


VOYAGE_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("/contextualizedembeddings", Shape(_in_context, _error)),
    ("embeddings", Shape(_embeddings, _error)),
    ("/rerank", Shape(_ranking, _error)),
)
