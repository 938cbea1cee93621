"""Replies of a scripted upstream in the shape of OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from nova_core.testing.upstream_replies import CREATED, Said, Shape, shape_for

Item = dict[str, Any]
RESPONSE_ID = "resp_scripted"


def _items(said: Said) -> list[Item]:
    part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
    message = {"id": "msg_scripted", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    summary = [{"type": "summary_text", "text": said.thought}]
    items: list[Item] = [{"id": "rs_scripted", "type": "reasoning", "summary": summary}] if said.thought else []
    items += [message] if said.text else []
    for number, (name, arguments) in enumerate(said.tool_calls):
        call = {"id": f"fc_{number}", "type": "function_call", "status": "completed", "call_id": f"call_{number}"}
        items.append({**call, "name": name, "arguments": msgspec.json.encode(arguments).decode()})
    return items


def _usage(said: Said) -> dict[str, Any]:
    given, made = said.usage
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": said.cached, "cache_write_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": given + made,
    }


def _counted(said: Said) -> dict[str, Any]:
    return {"object": "response.input_tokens", "input_tokens": said.usage[0]}


def _compacted(said: Said) -> dict[str, Any]:
    item = {"id": "cmp_scripted", "type": "compaction", "encrypted_content": "gAAAAscripted"}
    head = {"id": RESPONSE_ID, "object": "response.compaction", "created_at": CREATED}
    return {**head, "output": [item], "usage": _usage(said)}


def _response(said: Said, **changes: Any) -> dict[str, Any]:
    head = {"id": RESPONSE_ID, "object": "response", "created_at": CREATED, "model": f"{said.model}-2025"}
    repeated = {
        "previous_response_id": said.body.get("previous_response_id"),
        "tools": said.body.get("tools", []),
        "tool_choice": said.body.get("tool_choice", "auto"),
        "parallel_tool_calls": said.body.get("parallel_tool_calls", True),
        "metadata": said.body.get("metadata", {}),
    }
    end = {"error": None, **_status(said), "output": _items(said)}
    return {**head, **repeated, **end, "usage": _usage(said), **changes}


def _status(said: Said) -> dict[str, Any]:
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(said.finish)
    if reason is None:
        return {"status": "completed", "incomplete_details": None}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def _events(said: Said) -> Iterator[dict[str, Any]]:
    begun = _response(said, status="in_progress", incomplete_details=None, output=[], usage=None)
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(_items(said)):
        place = {"output_index": index}
        about = {**place, "item_id": item["id"]}
        if item["type"] == "message":
            empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            yield {"type": "response.output_item.added", **place, "item": {**item, "content": []}}
            yield {"type": "response.content_part.added", **about, "content_index": 0, "part": empty}
            for piece in said.pieces:
                delta = {"delta": piece, "logprobs": []}
                yield {"type": "response.output_text.delta", **about, "content_index": 0, **delta}
            yield {"type": "response.output_text.done", **about, "content_index": 0, "text": said.text, "logprobs": []}
            yield {"type": "response.content_part.done", **about, "content_index": 0, "part": item["content"][0]}
        elif item["type"] == "reasoning":
            yield from _thinking(item, place)
        else:
            text = item["arguments"]
            kind = "response.function_call_arguments"
            yield {"type": "response.output_item.added", **place, "item": {**item, "arguments": ""}}
            for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
                yield {"type": f"{kind}.delta", **about, "delta": piece}
            yield {"type": f"{kind}.done", **about, "name": item["name"], "arguments": text}
        yield {"type": "response.output_item.done", **place, "item": item}
    whole = _response(said)
    yield {"type": f"response.{whole['status']}", "response": whole}


def _thinking(item: Item, place: dict[str, int]) -> Iterator[dict[str, Any]]:
    about = {**place, "item_id": item["id"], "summary_index": 0}
    (part,) = item["summary"]
    kind = "response.reasoning_summary"
    yield {"type": "response.output_item.added", **place, "item": {**item, "summary": []}}
    yield {"type": f"{kind}_part.added", **about, "part": {**part, "text": ""}}
    yield {"type": f"{kind}_text.delta", **about, "delta": part["text"]}
    yield {"type": f"{kind}_text.done", **about, "text": part["text"]}
    yield {"type": f"{kind}_part.done", **about, "part": part}


def response_pieces(events: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> tuple[bytes, ...]:
    """Events as they go on the wire, numbered."""
    return tuple(
        f"event: {event['type']}\ndata: ".encode() + msgspec.json.encode({**event, "sequence_number": number}) + b"\n\n"
        for number, event in enumerate(events)
    )


_error = shape_for("/chat/completions").error
RESPONSES_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("/responses", Shape(_response, _error, lambda said: response_pieces(_events(said)), streams=True)),
    ("/responses/input_tokens", Shape(_counted, _error)),
    ("/responses/compact", Shape(_compacted, _error)),
)
