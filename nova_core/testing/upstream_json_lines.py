"""Replies of a scripted upstream that streams one JSON object a line, in the shapes of local model servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.testing.upstream_replies import DEFAULT_WIDTH, Said, Shape, unit_vector
from nova_core.types.chat import FinishReason

CREATED_AT = "2025-01-01T00:00:00Z"
DONE: Mapping[FinishReason, str] = {"length": "length"}


def _line(said: Said, message: dict[str, Any], **more: Any) -> dict[str, Any]:
    said_by = {"role": "assistant", "content": "", **message}
    return {"model": said.model, "created_at": CREATED_AT, "message": said_by, "done": False, **more}


def _thoughts(said: Said) -> dict[str, Any]:
    return {"thinking": said.thought} if said.thought else {}


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {"function": {"index": number, "name": name, "arguments": dict(arguments)}}
        for number, (name, arguments) in enumerate(said.tool_calls)
    ]


def _counts(said: Said) -> dict[str, Any]:
    given, made = said.usage
    return {"done": True, "done_reason": DONE.get(said.finish, "stop"), "prompt_eval_count": given, "eval_count": made}


def _reply(said: Said) -> dict[str, Any]:
    calls = {"tool_calls": _calls(said)} if said.tool_calls else {}
    return _line(said, {"content": said.text, **_thoughts(said), **calls}, **_counts(said))


def _pieces(said: Said) -> tuple[bytes, ...]:
    lines = [_line(said, _thoughts(said))] if said.thought else []
    lines += [_line(said, {"content": text}) for text in said.pieces]
    lines += [_line(said, {"tool_calls": [call]}) for call in _calls(said)]
    return tuple(msgspec.json.encode(line) + b"\n" for line in (*lines, _line(said, {}, **_counts(said))))


def _embeddings(said: Said) -> dict[str, Any]:
    asked = said.body.get("input", "")
    width = said.body.get("dimensions") or said.width or DEFAULT_WIDTH
    texts = asked if isinstance(asked, list) else [asked]
    vectors = [unit_vector(f"{said.model}|{text}", width) for text in texts]
    return {"model": said.model, "embeddings": vectors, "prompt_eval_count": max(1, len(" ".join(texts).split()))}


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"error": message}


JSON_LINES_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("/api/chat", Shape(_reply, _error, _pieces, streams=True, stream_type="application/x-ndjson")),
    ("/api/embed", Shape(_embeddings, _error)),
)
