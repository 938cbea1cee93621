"""Replies of a scripted upstream, in the shapes of the wire formats (as published by their vendors)."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from nova_core.types.chat import FinishReason

CREATED = 1_700_000_000
DEFAULT_WIDTH = 8
CHAT_ID = "chatcmpl-scripted"
MESSAGE_ID = "msg_scripted"
ASKED = ("messages", "input", "prompt", "contents", "requests", "query")
"""Members that hold what is asked, in the formats that are played."""

Calls = tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What is answered to one request: its body and model, the text (and its pieces), tool calls, usage.

    `ended` is why the answer ended where a script says so, `cached` how many of the input tokens came from a cache,
    `thought` what was thought before the text.
    """

    body: Mapping[str, Any]
    model: str
    text: str
    given_pieces: tuple[str, ...] | None
    tool_calls: Calls
    given_usage: tuple[int, int] | None
    width: int | None
    usage_unasked: bool = False
    ended: FinishReason | None = None
    cached: int = 0
    thought: str = ""

    @property
    def finish(self) -> FinishReason:
        """Why the answer ended: as the script says, else as it looks."""
        return self.ended or ("tool_calls" if self.tool_calls else "stop")

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text in pieces: those of the script, else words."""
        if self.given_pieces is not None:
            return self.given_pieces
        return tuple(re.findall(r"\S+\s*|\s+", self.text))

    @property
    def usage(self) -> tuple[int, int]:
        """Input and output tokens; a word counts as one where the script says nothing."""
        if self.given_usage is not None:
            return self.given_usage
        asked = next((self.body[name] for name in ASKED if name in self.body), "")
        return _words(asked), max(1, len(self.text.split()))


@dataclass(frozen=True, slots=True)
class Shape:
    """One route's replies. `tail` counts the last pieces of a stream that say that it is finished.

    `always_streams` is for routes that stream whatever the body says, `asks_stream` what a body that wants a stream
    says, `stream_type` the content type of streams, or `stream_type_of` a
    request's body.
    """

    reply: Callable[[Said], dict[str, Any]]
    error: Callable[[int, str, str | None, str | None], dict[str, Any]]
    pieces: Callable[[Said], tuple[bytes, ...]] = lambda said: ()
    streams: bool = False
    tail: int = 1
    always_streams: bool = False
    asks_stream: Callable[[Mapping[str, Any]], bool] = lambda body: body.get("stream") is True
    stream_type: str = "text/event-stream"
    stream_type_of: Callable[[Mapping[str, Any]], str] | None = None

    def type_of_stream(self, body: Mapping[str, Any]) -> str:
        """The content type of a stream that answers a request with this body."""
        return self.stream_type if self.stream_type_of is None else self.stream_type_of(body)


def shape_for(route: str, more: tuple[tuple[str, Shape], ...] = ()) -> Shape:
    """The shape for a path, known by its end; unknown paths are answered like chat completions."""
    for end, shape in (*more, *SHAPES):
        if route.endswith(end):
            return shape
    return SHAPES[-1][1]


def unit_vector(seed: str, width: int) -> list[float]:
    """A vector of length 1 that depends on `seed` alone."""
    raw = b"".join(hashlib.sha256(f"{seed}#{block}".encode()).digest() for block in range(width // 8 + 1))
    numbers = [value / 2**31 - 1 for value in struct.unpack(f"<{width}I", raw[: width * 4])]
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [number / length for number in numbers]


def _words(asked: Any) -> int:
    """Words of all strings inside a JSON value, roles and types included: a number, not a tokeniser."""
    if isinstance(asked, str):
        return len(asked.split())
    if isinstance(asked, Mapping):
        return sum(_words(value) for value in asked.values())
    return sum(map(_words, asked)) if isinstance(asked, list) else 1


# ── chat completions and completions ────────────────────────────────────────────────────────────────────────


def _chat_usage(said: Said) -> dict[str, Any]:
    given, made = said.usage
    cached = {"prompt_tokens_details": {"cached_tokens": said.cached}} if said.cached else {}
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made, **cached}


def _chat_calls(said: Said) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": _json(arguments)},
        }
        for number, (name, arguments) in enumerate(said.tool_calls)
    ]


def _chat_reply(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if said.tool_calls:
        message["tool_calls"] = _chat_calls(said)
    if said.thought:
        message["reasoning_content"] = said.thought
    choice = {"index": 0, "message": message, "finish_reason": said.finish}
    head = {"id": CHAT_ID, "object": "chat.completion", "created": CREATED, "model": said.model}
    return {**head, "choices": [choice], "usage": _chat_usage(said)}


def _chat_pieces(said: Said) -> tuple[bytes, ...]:
    head = {"id": CHAT_ID, "object": "chat.completion.chunk", "created": CREATED, "model": said.model}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    pieces = [chunk({"role": "assistant", "content": ""})]
    pieces += [chunk({"reasoning_content": said.thought})] if said.thought else []
    pieces += [chunk({"content": piece}) for piece in said.pieces]
    for number, call in enumerate(_chat_calls(said)):
        function = call["function"]
        start = {"name": function["name"], "arguments": ""}
        pieces.append(chunk({"tool_calls": [{"index": number, **call, "function": start}]}))
        for part in _halves(function["arguments"]):
            pieces.append(chunk({"tool_calls": [{"index": number, "function": {"arguments": part}}]}))
    finish = chunk({}, said.finish)
    # One piece, so that leaving the last piece out leaves out all that says "finished".
    return (*pieces, finish + _usage_event(head, said) + b"data: [DONE]\n\n")


def _usage_event(head: dict[str, Any], said: Said) -> bytes:
    options = said.body.get("stream_options")
    if not (said.usage_unasked or (isinstance(options, dict) and options.get("include_usage"))):
        return b""
    return _event({**head, "choices": [], "usage": _chat_usage(said)})


def _completion_reply(said: Said) -> dict[str, Any]:
    choice = {"index": 0, "text": said.text, "finish_reason": said.finish, "logprobs": None}
    head = {"id": "cmpl-scripted", "object": "text_completion", "created": CREATED, "model": said.model}
    return {**head, "choices": [choice], "usage": _chat_usage(said)}


def _completion_pieces(said: Said) -> tuple[bytes, ...]:
    head = {"id": "cmpl-scripted", "object": "text_completion", "created": CREATED, "model": said.model}

    def chunk(text: str, finish: str | None = None) -> bytes:
        choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
        return _event({**head, "choices": [choice]})

    end = chunk("", said.finish) + _usage_event(head, said) + b"data: [DONE]\n\n"
    return (*map(chunk, said.pieces), end)


def _chat_error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    fallback = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind or fallback, "param": None, "code": code}}


# ── embeddings ──────────────────────────────────────────────────────────────────────────────────────────────


def _embeddings_reply(said: Said) -> dict[str, Any]:
    asked = said.body.get("input", "")
    tokens = isinstance(asked, list) and bool(asked) and all(isinstance(item, int) for item in asked)
    items = [asked] if tokens or not isinstance(asked, list) else asked
    data = [
        {"object": "embedding", "index": index, "embedding": _embedding(said, item)} for index, item in enumerate(items)
    ]
    count = said.given_usage[0] if said.given_usage else max(1, _words(items))
    usage = {"prompt_tokens": count, "total_tokens": count}
    return {"object": "list", "data": data, "model": said.model, "usage": usage}


def _embedding(said: Said, item: Any) -> Any:
    width = said.body.get("dimensions") or said.width or DEFAULT_WIDTH
    seed = f"{said.model}|{said.body.get('adapter') or ''}|{_json(item)}"
    if said.body.get("return_multivector"):
        return [unit_vector(f"{seed}|{token}", width) for token in range(max(1, _words(item)))]
    vector = unit_vector(seed, width)
    if said.body.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{width}f", *vector)).decode()
    return vector


# ── messages ────────────────────────────────────────────────────────────────────────────────────────────────


STOPPED: Mapping[FinishReason, str] = {
    "stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal",
}  # fmt: skip


def _blocks(said: Said) -> list[dict[str, Any]]:
    thought = {"type": "thinking", "thinking": said.thought, "signature": "c2NyaXB0ZWQ="}
    blocks: list[dict[str, Any]] = [thought] if said.thought else []
    blocks += [{"type": "text", "text": said.text}] if said.text else []
    for number, (name, arguments) in enumerate(said.tool_calls):
        blocks.append({"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": dict(arguments)})
    return blocks


def _message_usage(said: Said) -> dict[str, int]:
    given, made = said.usage
    cached = {"cache_read_input_tokens": said.cached} if said.cached else {}
    return {"input_tokens": given - said.cached, **cached, "output_tokens": made}


def _message_reply(said: Said) -> dict[str, Any]:
    return {
        "id": MESSAGE_ID,
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": _blocks(said),
        "stop_reason": STOPPED[said.finish],
        "stop_sequence": None,
        "usage": _message_usage(said),
    }


def _message_pieces(said: Said) -> tuple[bytes, ...]:
    usage = {**_message_usage(said), "output_tokens": 1}
    start = {**_message_reply(said), "content": [], "stop_reason": None, "usage": usage}
    pieces = [_named("message_start", message=start), _named("ping")]
    for index, block in enumerate(_blocks(said)):
        pieces += _block_pieces(index, block, said)
    delta = {"stop_reason": STOPPED[said.finish], "stop_sequence": None}
    end = _named("message_delta", delta=delta, usage={"output_tokens": said.usage[1]}) + _named("message_stop")
    return (*pieces, end)


def _block_pieces(index: int, block: dict[str, Any], said: Said) -> Iterator[bytes]:
    if block["type"] == "thinking":
        yield _named("content_block_start", index=index, content_block={**block, "thinking": "", "signature": ""})
        for name, kind in (("thinking", "thinking_delta"), ("signature", "signature_delta")):
            yield _named("content_block_delta", index=index, delta={"type": kind, name: block[name]})
    elif block["type"] == "text":
        yield _named("content_block_start", index=index, content_block={"type": "text", "text": ""})
        for piece in said.pieces:
            yield _named("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
    else:
        yield _named("content_block_start", index=index, content_block={**block, "input": {}})
        for part in _halves(_json(block["input"])):
            delta = {"type": "input_json_delta", "partial_json": part}
            yield _named("content_block_delta", index=index, delta=delta)
    yield _named("content_block_stop", index=index)


def _message_error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    kinds = {
        401: "authentication_error", 403: "permission_error", 404: "not_found_error", 408: "timeout_error",
        413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error",
    }  # fmt: skip
    fallback = kinds.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind or fallback, "message": message}}


def _models(said: Said) -> dict[str, Any]:
    card = {"id": "scripted", "object": "model", "created": CREATED, "owned_by": "upstream"}
    return {"object": "list", "data": [card]}


# ── bytes ───────────────────────────────────────────────────────────────────────────────────────────────────


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"


def _named(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\n".encode() + _event({"type": kind, **members})


SHAPES: tuple[tuple[str, Shape], ...] = (
    ("/messages/count_tokens", Shape(lambda said: {"input_tokens": said.usage[0]}, _message_error)),
    ("/messages", Shape(_message_reply, _message_error, _message_pieces, streams=True)),
    ("/embeddings", Shape(_embeddings_reply, _chat_error)),
    ("/models", Shape(_models, _chat_error)),
    ("/chat/completions", Shape(_chat_reply, _chat_error, _chat_pieces, streams=True)),
    ("/completions", Shape(_completion_reply, _chat_error, _completion_pieces, streams=True)),
    ("", Shape(_chat_reply, _chat_error, _chat_pieces, streams=True)),
)
