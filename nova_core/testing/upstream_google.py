"""Replies of a scripted upstream in the shapes of Google's APIs, where the path names the model and the verb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.testing.upstream_replies import DEFAULT_WIDTH, Said, Shape, shape_for, unit_vector

STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip


def _usage(said: Said) -> dict[str, Any]:
    given, made = said.usage
    cached = {"cachedContentTokenCount": said.cached} if said.cached else {}
    return {"promptTokenCount": given, "candidatesTokenCount": made, "totalTokenCount": given + made, **cached}


def _finish(said: Said) -> str:
    return {"length": "MAX_TOKENS", "content_filter": "SAFETY"}.get(said.finish, "STOP")


def _thoughts(said: Said) -> list[dict[str, Any]]:
    return [{"text": said.thought, "thought": True}] if said.thought else []


def _calls(said: Said) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = [
        {"functionCall": {"name": name, "args": dict(arguments)}} for name, arguments in said.tool_calls
    ]
    if calls:
        calls[0]["thoughtSignature"] = "c2NyaXB0ZWQ="
    return calls


def _piece(said: Said, parts: list[dict[str, Any]], **candidate: Any) -> dict[str, Any]:
    content = {"parts": parts, "role": "model"}
    head = {"modelVersion": said.model, "responseId": "scripted"}
    return {"candidates": [{"content": content, "index": 0, **candidate}], "usageMetadata": _usage(said), **head}


def _reply(said: Said) -> dict[str, Any]:
    texts = [{"text": said.text}] if said.text else []
    return _piece(said, [*_thoughts(said), *texts, *_calls(said)], finishReason=_finish(said))


def _pieces(said: Said) -> tuple[bytes, ...]:
    pieces = [_piece(said, [thought]) for thought in _thoughts(said)]
    pieces += [_piece(said, [{"text": text}]) for text in said.pieces]
    pieces += [_piece(said, [call]) for call in _calls(said)]
    return tuple(map(_event, (*pieces, _piece(said, [{"text": ""}], finishReason=_finish(said)))))


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\r\n\r\n"


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": kind or STATUSES.get(status, "UNKNOWN")}}


def _count(said: Said) -> dict[str, Any]:
    return {"totalTokens": said.usage[0]}


def _embedding(said: Said, request: Mapping[str, Any]) -> dict[str, Any]:
    width = request.get("outputDimensionality") or said.width or DEFAULT_WIDTH
    seed = msgspec.json.encode([said.model, request.get("taskType"), request.get("content")]).decode()
    return {"values": unit_vector(seed, width)}


def _embeddings(said: Said) -> dict[str, Any]:
    found = [_embedding(said, request) for request in said.body.get("requests", ())]
    return {"embeddings": found, "usageMetadata": {"promptTokenCount": said.usage[0]}}


def _one_embedding(said: Said) -> dict[str, Any]:
    return {"embedding": _embedding(said, said.body), "usageMetadata": {"promptTokenCount": 2}}


def _predictions(said: Said) -> dict[str, Any]:
    width = said.body.get("parameters", {}).get("outputDimensionality") or said.width or DEFAULT_WIDTH
    texts = [instance["content"] for instance in said.body.get("instances", ())]
    found = [{"values": unit_vector(f"{said.model}|{text}", width), "statistics": {"token_count": 2}} for text in texts]
    return {"predictions": [{"embeddings": embedding} for embedding in found]}


GOOGLE_SHAPES: tuple[tuple[str, Shape], ...] = (
    (":generateContent", Shape(_reply, _error)),
    (":streamGenerateContent", Shape(_reply, _error, _pieces, streams=True, always_streams=True)),
    (":countTokens", Shape(_count, _error)),
    (":batchEmbedContents", Shape(_embeddings, _error)),
    (":embedContent", Shape(_one_embedding, _error)),
    (":predict", Shape(_predictions, _error)),
    ("/count-tokens:rawPredict", shape_for("/messages/count_tokens")),
    (":rawPredict", shape_for("/messages")),
    (":streamRawPredict", shape_for("/messages")),
)
