"""What a scripted upstream answers in Cohere's shapes."""

from __future__ import annotations

import base64
import struct
from typing import Any

import msgspec

from nova_core.testing.upstream_replies import DEFAULT_WIDTH, Said, Shape, unit_vector


def event(kind: str, **members: Any) -> bytes:
    """One event of a stream."""
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode({"type": kind, **members}) + b"\n\n"


def delta(kind: str, index: int | None = None, **message: Any) -> bytes:
    """An event that adds to the message."""
    place = {} if index is None else {"index": index}
    return event(kind, **place, delta={"message": message})


def _usage(said: Said) -> dict[str, Any]:
    given, made = said.usage
    return {
        "billed_units": {"input_tokens": 1.0, "output_tokens": float(made)},
        "tokens": {"input_tokens": float(given), "output_tokens": float(made)},
        **({"cached_tokens": float(said.cached)} if said.cached else {}),
    }


def _finish(said: Said, called: str = "TOOL_CALL") -> str:
    return {"length": "MAX_TOKENS", "tool_calls": called}.get(said.finish, "COMPLETE")


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{name}_{number}",
            "type": "function",
            "function": {"name": name, "arguments": msgspec.json.encode(arguments).decode()},
        }
        for number, (name, arguments) in enumerate(said.tool_calls)
    ]


def _reply(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    thoughts = [{"type": "thinking", "thinking": said.thought}] if said.thought else []
    if said.text or thoughts:
        message["content"] = [*thoughts, *([{"type": "text", "text": said.text}] if said.text else [])]
    if said.tool_calls:
        message |= {"tool_calls": _calls(said), "tool_plan": "I will use the tools."}
    return {"id": "c14c80c3", "message": message, "finish_reason": _finish(said), "usage": _usage(said)}


def _pieces(said: Said) -> tuple[bytes, ...]:
    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    pieces = [event("message-start", id="c14c80c3", delta={"message": empty})]
    if said.thought:
        pieces.append(delta("content-start", 0, content={"type": "thinking", "thinking": ""}))
        pieces.append(delta("content-delta", 0, content={"thinking": said.thought}))
        pieces.append(event("content-end", index=0))
    if said.text:
        place = 1 if said.thought else 0
        pieces.append(delta("content-start", place, content={"type": "text", "text": ""}))
        pieces += [delta("content-delta", place, content={"text": text}) for text in said.pieces]
        pieces.append(event("content-end", index=place))
    if said.tool_calls:
        pieces.append(delta("tool-plan-delta", tool_plan="I will use the tools."))
    for number, call in enumerate(_calls(said)):
        function = call["function"]
        pieces.append(delta("tool-call-start", number, tool_calls={**call, "function": {**function, "arguments": ""}}))
        for half in (function["arguments"][:3], function["arguments"][3:]):
            pieces.append(delta("tool-call-delta", number, tool_calls={"function": {"arguments": half}}))
        pieces.append(event("tool-call-end", index=number))
    return (*pieces, event("message-end", delta={"finish_reason": _finish(said), "usage": _usage(said)}))


def _embeddings(said: Said) -> dict[str, Any]:
    width = said.body.get("output_dimension") or said.width or DEFAULT_WIDTH
    items = next(said.body[name] for name in ("texts", "images", "inputs") if name in said.body)
    vectors = [unit_vector(f"{said.model}|{item}", width) for item in items]
    coded = said.body["embedding_types"][0]
    found: list[Any] = [_coded(vector) for vector in vectors] if coded == "base64" else vectors
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 2.0 * len(items)}}
    return {"id": "e1", "embeddings": {coded: found}, "meta": meta, "response_type": "embeddings_by_type"}


def _ranking(said: Said) -> dict[str, Any]:
    results = [{"index": place, "relevance_score": 1 / (place + 2)} for place in range(len(said.body["documents"]))]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return {"id": "r1", "results": results[: said.body.get("top_n")], "meta": meta}


def _coded(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"id": "x", "message": message}


def v1_event(kind: str, **members: Any) -> bytes:
    """One event of a stream of version 1."""
    data = {"is_finished": kind == "stream-end", "event_type": kind, **members}
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


def _v1_reply(said: Said) -> dict[str, Any]:
    calls = [{"name": name, "parameters": dict(given)} for name, given in said.tool_calls]
    meta = {"api_version": {"version": "1"}, **_usage(said)}
    whole = {"text": said.text, "generation_id": "g-1", "finish_reason": _finish(said, "COMPLETE"), "meta": meta}
    return {**whole, **({"tool_calls": calls} if calls else {})}


def _v1_pieces(said: Said) -> tuple[bytes, ...]:
    whole = _v1_reply(said)
    pieces = [v1_event("stream-start", generation_id="g-1")]
    pieces += [v1_event("text-generation", text=text) for text in said.pieces]
    for place, call in enumerate(_calls(said)):
        function = call["function"]
        pieces.append(v1_event("tool-calls-chunk", tool_call_delta={"index": place, "name": function["name"]}))
        for half in (function["arguments"][:3], function["arguments"][3:]):
            pieces.append(v1_event("tool-calls-chunk", tool_call_delta={"index": place, "parameters": half}))
    if said.tool_calls:
        pieces.append(v1_event("tool-calls-generation", text=said.text, tool_calls=whole["tool_calls"]))
    return (*pieces, v1_event("stream-end", finish_reason=whole["finish_reason"], response=whole))


COHERE_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("/v2/chat", Shape(_reply, _error, _pieces, streams=True)),
    ("/v1/chat", Shape(_v1_reply, _error, _v1_pieces, streams=True)),
    ("/v2/embed", Shape(_embeddings, _error)),
    ("/v2/rerank", Shape(_ranking, _error)),
)
