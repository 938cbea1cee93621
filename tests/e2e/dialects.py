"""Answers of two kinds of upstream, said whole and as a stream, for the tests of callers against upstreams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

Json = dict[str, Any]

OPENAI_USAGE: Json = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
ANTHROPIC_USAGE: Json = {"input_tokens": 11, "output_tokens": 7}


def openai_answer(
    *messages: Json,
    finish: str = "stop",
    usage: Json | None = None,
    logprobs: Json | None = None,
    **more: Any,
) -> Json:
    """A script for an OpenAI-shaped upstream: one choice for each message (without its role)."""
    head = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "gpt-4.1-2025"}
    usage = usage or OPENAI_USAGE
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": None, **message},
            "logprobs": logprobs,
            "finish_reason": finish,
        }
        for index, message in enumerate(messages)
    ]
    reply = {**head, "object": "chat.completion", "choices": choices, "usage": usage, **more}
    chunk = {**head, "object": "chat.completion.chunk", **more}

    def event(choices: list[Json], **rest: Any) -> bytes:
        return b"data: " + msgspec.json.encode({**chunk, "choices": choices, **rest}) + b"\n\n"

    pieces = []
    for index, message in enumerate(messages):
        content = {"content": ""} if isinstance(message.get("content"), str) else {}
        pieces.append(event([{"index": index, "delta": {"role": "assistant", **content}}]))
    for index, message in enumerate(messages):
        for place, delta in enumerate(_openai_deltas(message)):
            choice: Json = {"index": index, "delta": delta}
            if logprobs is not None and place == 0:
                choice["logprobs"] = logprobs
            pieces.append(event([choice]))
        pieces.append(event([{"index": index, "delta": {}, "finish_reason": finish}]))
    pieces += [event([], usage=usage), b"data: [DONE]\n\n"]
    return {"json": reply, "sse": pieces}


def _openai_deltas(message: Mapping[str, Any]) -> Iterator[Json]:
    """The message in pieces; tool calls' arguments come in turns, as of parallel calls."""
    for name, value in message.items():
        if name == "tool_calls":
            calls = list(enumerate(value))
            for index, call in calls:
                yield {"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]}
            longest = max(len(call["function"]["arguments"]) for call in value)
            for start in range(0, longest, 5):
                for index, call in calls:
                    if piece := call["function"]["arguments"][start : start + 5]:
                        yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
        elif isinstance(value, str):
            for piece in halves(value):
                yield {name: piece}
        else:
            yield {name: value}


def anthropic_answer(
    *blocks: Json, stop_reason: str = "end_turn", usage: Json | None = None, sequence: str | None = None, **more: Any
) -> Json:
    """A script for an Anthropic-shaped upstream; usage of the prompt is told at the start of the stream."""
    usage = usage or ANTHROPIC_USAGE
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-2025"}
    end = {"stop_reason": stop_reason, "stop_sequence": sequence, **more}
    reply = {**head, "content": list(blocks), **end, "usage": usage}
    start = {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    pieces = [named("message_start", message=start), named("ping")]
    for index, block in enumerate(blocks):
        pieces += _anthropic_block(index, block)
    pieces.append(named("message_delta", delta=end, usage={"output_tokens": usage["output_tokens"]}))
    pieces.append(named("message_stop"))
    return {"json": reply, "sse": pieces}


def _anthropic_block(index: int, block: Json) -> Iterator[bytes]:
    def delta(**said: Any) -> bytes:
        return named("content_block_delta", index=index, delta=said)

    def start(**changed: Any) -> bytes:
        return named("content_block_start", index=index, content_block={**block, **changed})

    match block["type"]:
        case "text":
            yield start(text="")
            for piece in halves(block["text"]):
                yield delta(type="text_delta", text=piece)
        case "thinking":
            yield start(thinking="", signature="")
            for piece in halves(block["thinking"]):
                yield delta(type="thinking_delta", thinking=piece)
            yield delta(type="signature_delta", signature=block["signature"])
        case "tool_use":
            yield start(input={})
            yield delta(type="input_json_delta", partial_json="")
            for piece in halves(msgspec.json.encode(block["input"]).decode()):
                yield delta(type="input_json_delta", partial_json=piece)
        case _:
            yield start()
    yield named("content_block_stop", index=index)


GEMINI_USAGE: Json = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}


def gemini_answer(*parts: Json, finish: str = "STOP", usage: Json | None = None, **candidate: Any) -> Json:
    """A script for an upstream that speaks the Gemini API; texts come in two pieces, usage with every piece."""
    head = {"modelVersion": "gemini-3.5-flash-001", "responseId": "resp-1"}
    counts = {"usageMetadata": usage or GEMINI_USAGE}

    def piece(found: Sequence[Json], **more: Any) -> Json:
        return {"candidates": [{"content": {"parts": found, "role": "model"}, "index": 0, **more}], **counts, **head}

    pieces: list[Json] = []
    for part in parts:
        if "text" in part and "thoughtSignature" not in part:
            pieces += [piece([{**part, "text": text}]) for text in halves(part["text"])]
        else:
            pieces.append(piece([part]))
    pieces.append(piece([], finishReason=finish, **candidate))
    reply = piece(parts, finishReason=finish, **candidate)
    return {"json": reply, "sse": [b"data: " + msgspec.json.encode(found) + b"\r\n\r\n" for found in pieces]}


def named(kind: str, **members: Any) -> bytes:
    """One event of a Messages stream."""
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode({"type": kind, **members}) + b"\n\n"


def halves(text: str) -> Sequence[str]:
    """`text` in two pieces."""
    return [piece for piece in (text[: len(text) // 2], text[len(text) // 2 :]) if piece]
