"""Bad input and bad upstreams, each with the status and the body that the caller gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
MESSAGES = "/v1/messages"
GOOD = b'{"model": "gpt", "messages": [{"role": "user", "content": "hi"}]}'
GOOD_STREAM = b'{"model": "gpt", "stream": true, "messages": [{"role": "user", "content": "hi"}]}'


@dataclass(frozen=True, slots=True)
class BadInput:
    """One row: what is sent (or what the upstream does), and what comes back.

    `error` is the whole `error` object of the answer's body; on `/v1/messages` that of Anthropic's shape.
    `{upstream}` in its message stands for the upstream's host and port.
    With `last_event` the status is sent before the fault, which then is the stream's last event.
    """

    title: str
    status: int
    error: Mapping[str, Any]
    body: bytes = GOOD
    path: str = CHAT
    headers: Mapping[str, str] = field(default_factory=dict)
    script: Mapping[str, Any] = field(default_factory=dict)
    last_event: bool = False
    with_keys: bool = False


def openai(message: str, code: str, *, param: str | None = None, type: str = "invalid_request_error") -> dict[str, Any]:
    return {"message": message, "type": type, "param": param, "code": code}


def failed(message: str, code: str) -> dict[str, Any]:
    return openai(message, code, type="internal_server_error")


def anthropic(message: str, type: str = "invalid_request_error") -> dict[str, Any]:
    return {"type": type, "message": message}


TRUNCATED = "the request body is not valid JSON: Input data was truncated"
EMPTY = "the request body is empty; send a JSON object"
NO_MODEL = "`model` is required: the name of a model, as a string that is not empty"
NO_MESSAGES = "`messages` is required: an array of messages, each with a `role` and `content`"
UNKNOWN = "The model 'gtp' does not exist here. GET /v1/models lists the models you can call."
TOO_LARGE = "the request body is larger than the limit of 52428 bytes"
WRONG_KEY = "The API key is not valid here."
NO_KEY = "No API key was sent: send it as `Authorization: Bearer KEY`, `x-api-key` or `api-key`."
LARGE = b'{"model": "' + b"x" * 60_000 + b'"}'

ROWS: tuple[BadInput, ...] = (
    BadInput("malformed JSON", 400, openai(TRUNCATED, "400"), b'{"model": "gpt", '),
    BadInput("malformed JSON", 400, anthropic(TRUNCATED), b'{"model": "gpt", ', MESSAGES),
    BadInput("an array instead of an object", 400, openai("the request body must be a JSON object", "400"), b"[1, 2]"),
    BadInput("empty body", 400, openai(EMPTY, "400"), b""),
    BadInput("empty body", 400, anthropic(EMPTY), b"", MESSAGES),
    BadInput(
        "invalid UTF-8",
        400,
        openai("the request body is not valid UTF-8 (byte 11)", "400"),
        b'{"model": "\xff\xfe"}',
    ),
    BadInput(
        "10,000-deep nesting",
        400,
        openai("the request body is nested too deeply; at most 128 levels are allowed", "400"),
        b'{"messages": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ),
    BadInput(
        "`messages` of the wrong type",
        400,
        openai(NO_MESSAGES, "400", param="messages"),
        b'{"model": "gpt", "messages": "hi"}',
    ),
    BadInput(
        "`model` of the wrong type",
        400,
        openai(NO_MODEL, "400", param="model"),
        b'{"model": 7, "messages": []}',
    ),
    BadInput("missing messages", 400, openai(NO_MESSAGES, "400", param="messages"), b'{"model": "gpt"}'),
    BadInput(
        "missing messages",
        400,
        anthropic("`messages` must be a non-empty array"),
        b'{"model": "gpt", "max_tokens": 5}',
        MESSAGES,
    ),
    BadInput(
        "missing model",
        400,
        openai(NO_MODEL, "400", param="model"),
        b'{"messages": [{"role": "user", "content": "hi"}]}',
    ),
    BadInput(
        "missing input",
        400,
        openai("`input` is required", "missing_required_parameter", param="input"),
        b'{"model": "emb"}',
        EMBEDDINGS,
    ),
    BadInput(
        "unknown model",
        404,
        openai(UNKNOWN, "model_not_found", param="model"),
        GOOD.replace(b"gpt", b"gtp"),
    ),
    BadInput(
        "unknown model",
        404,
        anthropic(UNKNOWN, "not_found_error"),
        GOOD.replace(b"gpt", b"gtp")[:-1] + b', "max_tokens": 5}',
        MESSAGES,
    ),
    BadInput(
        "unknown task",
        400,
        openai(
            "No deployment of model 'nova' serves the task 'retrival'. Tasks served: retrieval, code. "
            "Did you mean 'retrieval'?",
            "unknown_task",
            param="task",
        ),
        b'{"model": "nova", "input": "hi", "task": "retrival"}',
        EMBEDDINGS,
    ),
    BadInput("body over the limit", 413, openai(TOO_LARGE, "request_too_large"), LARGE),
    BadInput("body over the limit", 413, anthropic(TOO_LARGE, "request_too_large"), LARGE, MESSAGES),
    BadInput(
        "compressed body",
        415,
        openai("the request body is encoded as 'gzip': send it as it is", "unsupported_encoding"),
        headers={"content-encoding": "gzip"},
    ),
    BadInput(
        "an address of the caller's own",
        400,
        openai("`api_base` cannot be set by callers: ask the operator of this gateway.", "400", param="api_base"),
        GOOD[:-1] + b', "api_base": "http://elsewhere.example"}',
    ),
    BadInput(
        "wrong key",
        401,
        openai(WRONG_KEY, "401", type="auth_error"),
        headers={"authorization": "Bearer wrong"},
        with_keys=True,
    ),
    BadInput(
        "wrong key",
        401,
        anthropic(WRONG_KEY, "authentication_error"),
        path=MESSAGES,
        headers={"x-api-key": "wrong"},
        with_keys=True,
    ),
    BadInput("no key", 401, openai(NO_KEY, "401", type="auth_error"), with_keys=True),
    BadInput(
        "upstream resets the connection",
        500,
        failed("the upstream {upstream} closed the connection before it answered", "upstream_connection_error"),
        script={"reset": True},
    ),
    BadInput(
        "upstream resets in its answer",
        500,
        failed("the upstream {upstream} broke off its answer", "upstream_connection_error"),
        script={"reset": "body"},
    ),
    BadInput(
        "upstream stalls",
        408,
        openai("the upstream gave no reply within 0.5 seconds", "408", type="timeout_error"),
        script={"stall": True},
    ),
    BadInput(
        "upstream stalls in its answer",
        408,
        openai("the upstream gave no reply within 0.5 seconds", "408", type="timeout_error"),
        script={"stall": "body"},
    ),
    BadInput(
        "upstream sends HTML",
        502,
        failed("the upstream's answer is not a JSON object: 'It works!'", "502"),
        script={"html": True},
    ),
    BadInput(
        "upstream sends an array",
        502,
        failed("the upstream's answer is not a JSON object: '[]'", "502"),
        script={"json": []},
    ),
    BadInput(
        "upstream sends an error with status 200",
        502,
        failed("the upstream answered 200 with an error: it is broken", "502"),
        script={"json": {"error": {"message": "it is broken"}}},
    ),
    BadInput(
        "upstream sends half a stream",
        200,
        failed("the upstream's stream ended before the answer was finished", "stream_interrupted"),
        GOOD_STREAM,
        script={"half_stream": True},
        last_event=True,
    ),
    BadInput(
        "upstream stalls in a stream",
        200,
        failed("the upstream {upstream} did not send anything within 0.5 s (idle deadline)", "stream_interrupted"),
        GOOD_STREAM,
        script={"stall": "body"},
        last_event=True,
    ),
    BadInput(
        "upstream resets in a stream",
        200,
        failed("the upstream {upstream} broke off its stream", "stream_interrupted"),
        GOOD_STREAM,
        script={"reset": "body"},
        last_event=True,
    ),
)


def as_markdown() -> str:
    """The rows as the table of the documentation."""
    lines = ["| Input | Route | Status | `error` in the body |", "|---|---|---|---|"]
    for row in ROWS:
        said = ", ".join(f"`{key}: {value}`" for key, value in row.error.items() if value is not None)
        status = f"{row.status}, then an error event" if row.last_event else str(row.status)
        lines.append(f"| {row.title} | `{row.path}` | {status} | {said} |")
    return "\n".join(lines) + "\n"
