"""Replies of a scripted upstream in the shapes of Amazon's model runtime: `/model/{id}/{action}`, binary streams."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.testing.upstream_replies import DEFAULT_WIDTH, Said, Shape, shape_for, unit_vector


def event_message(payload: bytes, **headers: str) -> bytes:
    """One message of an event stream; `event_type` is the header `:event-type`."""
    said = {":message-type": "event"} | {f":{name.replace('_', '-')}": value for name, value in headers.items()}
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in said.items()
    )
    prelude = struct.pack(">II", len(head) + len(payload) + 16, len(head))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _event(kind: str, **members: Any) -> bytes:
    return event_message(msgspec.json.encode(members), event_type=kind)


def _usage(said: Said) -> dict[str, int]:
    given, made = said.usage
    cached = {"cacheReadInputTokens": said.cached} if said.cached else {}
    return {"inputTokens": given - said.cached, **cached, "outputTokens": made, "totalTokens": given + made}


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {"toolUseId": f"tooluse_{number}", "name": name, "input": dict(arguments)}
        for number, (name, arguments) in enumerate(said.tool_calls)
    ]


def _stop(said: Said) -> str:
    ended = {"tool_calls": "tool_use", "length": "max_tokens", "content_filter": "content_filtered"}
    return ended.get(said.finish, "end_turn")


def _reply(said: Said) -> dict[str, Any]:
    thought = {"reasoningText": {"text": said.thought, "signature": "c2NyaXB0ZWQ="}}
    content: list[dict[str, Any]] = [{"reasoningContent": thought}] if said.thought else []
    content += [{"text": said.text}] if said.text else []
    content += [{"toolUse": call} for call in _calls(said)]
    message = {"role": "assistant", "content": content}
    end = {"stopReason": _stop(said), "usage": _usage(said), "metrics": {"latencyMs": 1}}
    return {"output": {"message": message}, **end}


def _pieces(said: Said) -> tuple[bytes, ...]:
    pieces = [_event("messageStart", role="assistant")]
    block = 0
    thoughts = [{"reasoningContent": {"text": said.thought}}, {"reasoningContent": {"signature": "c2NyaXB0ZWQ="}}]
    for deltas in (thoughts if said.thought else [], [{"text": text} for text in said.pieces]):
        pieces += [_event("contentBlockDelta", contentBlockIndex=block, delta=delta) for delta in deltas]
        if deltas:
            pieces.append(_event("contentBlockStop", contentBlockIndex=block))
            block += 1
    for number, call in enumerate(_calls(said), start=block):
        text = msgspec.json.encode(call.pop("input")).decode()
        pieces.append(_event("contentBlockStart", contentBlockIndex=number, start={"toolUse": call}))
        for part in (text[: len(text) // 2], text[len(text) // 2 :]):
            pieces.append(_event("contentBlockDelta", contentBlockIndex=number, delta={"toolUse": {"input": part}}))
        pieces.append(_event("contentBlockStop", contentBlockIndex=number))
    # One piece, so that leaving the last piece out leaves out all that says "finished".
    end = _event("metadata", usage=_usage(said), metrics={"latencyMs": 1})
    return (*pieces, _event("messageStop", stopReason=_stop(said)) + end)


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"message": message} | ({"__type": kind} if kind else {})


def _count(said: Said) -> dict[str, Any]:
    return {"inputTokens": len(msgspec.json.encode(said.body))}


def _invoked(said: Said) -> dict[str, Any]:
    """Embeddings of one text or of many, or an answer in the words of the Messages API."""
    width = said.body.get("dimensions") or said.width or DEFAULT_WIDTH
    if "inputText" in said.body:
        vector = unit_vector(f"{said.model}|{said.body['inputText']}", width)
        return {"embedding": vector, "inputTextTokenCount": 2}
    if "singleEmbeddingParams" in said.body:
        vector = unit_vector(f"{said.model}|{said.body['singleEmbeddingParams']['text']['value']}", width)
        return {"embeddings": [{"embeddingType": "TEXT", "embedding": vector}]}
    if "texts" in said.body:
        vectors = [unit_vector(f"{said.model}|{text}", width) for text in said.body["texts"]]
        return {"embeddings": vectors, "response_type": "embeddings_floats"}
    return shape_for("/messages").reply(said)


def _invoked_pieces(said: Said) -> tuple[bytes, ...]:
    """The events of the Messages API, each wrapped in a message."""
    return tuple(b"".join(map(_wrapped, piece.strip().split(b"\n\n"))) for piece in shape_for("/messages").pieces(said))


def _wrapped(event: bytes) -> bytes:
    data = event.partition(b"data: ")[2]
    return _event("chunk", bytes=base64.b64encode(data).decode())


STREAMED: Mapping[str, Any] = {
    "streams": True, "always_streams": True, "stream_type": "application/vnd.amazon.eventstream",
}  # fmt: skip
AMAZON_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("/converse", Shape(_reply, _error)),
    ("/converse-stream", Shape(_reply, _error, _pieces, **STREAMED)),
    ("/invoke", Shape(_invoked, _error)),
    ("/invoke-with-response-stream", Shape(_invoked, _error, _invoked_pieces, **STREAMED)),
    ("/count-tokens", Shape(_count, _error)),
)
