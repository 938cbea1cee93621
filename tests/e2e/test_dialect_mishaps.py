"""What goes wrong at the upstream reaches both official clients as the right exception, never as a clean end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from tests.e2e.conftest import UPSTREAM_KEY, Cell
from tests.e2e.dialects import Json, anthropic_answer, named, openai_answer

pytestmark = pytest.mark.slow

HI: list[Any] = [{"role": "user", "content": "Hi"}]
CALLERS = ["openai", "anthropic"]
UPSTREAMS = ["gpt", "claude"]

OPENAI_CLASSES: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError, 401: openai.AuthenticationError, 403: openai.PermissionDeniedError,
    404: openai.NotFoundError, 409: openai.ConflictError, 413: openai.APIStatusError,
    422: openai.UnprocessableEntityError, 429: openai.RateLimitError, 500: openai.InternalServerError,
    502: openai.InternalServerError, 503: openai.InternalServerError, 529: openai.InternalServerError,
}  # fmt: skip
ANTHROPIC_CLASSES: dict[int, tuple[type[anthropic.APIStatusError], str]] = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    409: (anthropic.ConflictError, "invalid_request_error"),
    413: (anthropic.APIStatusError, "request_too_large"),
    422: (anthropic.UnprocessableEntityError, "invalid_request_error"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    502: (anthropic.InternalServerError, "api_error"),
    503: (anthropic.InternalServerError, "overloaded_error"),
    529: (anthropic.InternalServerError, "overloaded_error"),
}

OPENAI_ERROR: Json = {"error": {"message": "boom at noon", "type": "a_type", "param": "messages", "code": "a_code"}}
ANTHROPIC_ERROR: Json = {"type": "error", "error": {"type": "a_type", "message": "boom at noon"}, "request_id": "r"}
BODIES: dict[str, Json] = {
    "openai": {"json": OPENAI_ERROR},
    "anthropic": {"json": ANTHROPIC_ERROR},
    "fastapi": {"json": {"detail": [{"loc": ["body", "messages", 0], "msg": "boom at noon", "type": "missing"}]}},
    "fastapi text": {"json": {"detail": "boom at noon"}},
    "plain": {"body": b"boom at noon\n", "headers": {"content-type": "text/plain"}},
    "html": {
        "body": b"<html><head><title>502</title></head><body><h1>boom</h1> at <b>noon</b></body></html>",
        "headers": {"content-type": "text/html"},
    },
    "empty": {"body": b""},
}


def call(cell: Cell, caller: str, upstream: str, stream: bool) -> str:
    """One call to its end; the text of the answer."""
    if caller == "openai":
        if not stream:
            whole = cell.openai.chat.completions.create(model=upstream, messages=HI)
            return whole.choices[0].message.content or ""
        chunks = cell.openai.chat.completions.create(model=upstream, messages=HI, stream=True)
        return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    if not stream:
        message: Any = cell.anthropic.messages.create(model=upstream, max_tokens=9, messages=HI)
        return str(message.content[0].text)
    with cell.anthropic.messages.stream(model=upstream, max_tokens=9, messages=HI) as events:
        final: Any = events.get_final_message()
    return str(final.content[0].text)


def failure(cell: Cell, caller: str, upstream: str, stream: bool) -> Any:
    """The exception that the client raises."""
    expected = openai.APIError if caller == "openai" else anthropic.APIError
    with pytest.raises(expected) as caught:
        call(cell, caller, upstream, stream)
    return caught.value


def assert_status(error: Any, caller: str, status: int) -> None:
    """The class and type that this client has for the status."""
    assert error.status_code == status
    if caller == "openai":
        assert type(error) is OPENAI_CLASSES[status]
    else:
        kind, name = ANTHROPIC_CLASSES[status]
        assert isinstance(error, kind)
        assert error.type == name


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 529])
def test_a_status_is_kept(cell: Cell, status: int, caller: str, upstream: str, stream: bool) -> None:
    cell.says(status=status, message="boom at noon")
    error = failure(cell, caller, upstream, stream)
    assert_status(error, caller, status)
    assert "boom at noon" in error.message
    if caller == "openai":
        assert error.code == str(status)


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("shape", BODIES)
def test_an_error_of_any_shape_is_quoted(cell: Cell, shape: str, caller: str, upstream: str) -> None:
    cell.says(status=422, **BODIES[shape])
    error = failure(cell, caller, upstream, stream=True)
    assert_status(error, caller, 422)
    assert "boom at noon" in error.message or shape == "empty"
    assert "<" not in error.message
    if caller == "openai" and shape == "openai":
        assert (error.code, error.type, error.param) == ("a_code", "a_type", "messages")


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("caller", CALLERS)
def test_limits_and_the_time_to_wait_reach_the_caller(cell: Cell, caller: str, upstream: str) -> None:
    given = {"retry-after": "7", "x-ratelimit-remaining-tokens": "3", "set-cookie": "a=b"}
    cell.says(status=429, headers=given)
    headers = failure(cell, caller, upstream, stream=False).response.headers
    assert headers["retry-after"] == "7"
    assert headers["x-ratelimit-remaining-tokens"] == "3"
    assert "set-cookie" not in headers


@pytest.mark.parametrize("caller", CALLERS)
def test_a_client_that_retries_waits_as_long_as_the_upstream_asked(cell: Cell, caller: str) -> None:
    cell.says(status=429, headers={"retry-after-ms": "300"})
    cell.says(**openai_answer({"content": "at last"}))
    if caller == "openai":
        client = cell.openai.with_options(max_retries=1)
        found: Any = client.chat.completions.create(model="gpt", messages=HI).choices[0].message.content
    else:
        message: Any = cell.anthropic.with_options(max_retries=1).messages.create(
            model="gpt", max_tokens=9, messages=HI
        )
        found = message.content[0].text
    first, second = cell.upstream.requests
    assert found == "at last"
    assert 0.3 <= second.at - first.at < 1.5


def test_words_say_more_than_a_status_and_a_secret_is_never_quoted(cell: Cell) -> None:
    cell.says(status=400, message=f"prompt is too long: 9 > 8; key {UPSTREAM_KEY}, sk-abcdef123456")
    error = failure(cell, "openai", "claude", stream=False)
    assert (error.status_code, error.code) == (400, "context_length_exceeded")
    assert UPSTREAM_KEY not in error.message
    assert "sk-abcdef123456" not in error.message


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("where", ["a status", "a 200", "a first frame", "a later frame"])
def test_the_upstreams_key_is_never_quoted(cell: Cell, where: str, upstream: str) -> None:
    said: Json = {"error": {"message": f"boom for key {UPSTREAM_KEY}", "type": "server_error"}}
    frame = named("error", **said)
    scripts: dict[str, Json] = {
        "a status": {"status": 500, "json": said},
        "a 200": {"json": said},
        "a first frame": {"sse": [frame]},
        "a later frame": {"sse": [*FRAMES[upstream]()[:3], frame]},
    }
    cell.says(**scripts[where])
    error = failure(cell, "openai", upstream, stream=True)
    assert "boom for key ****" in error.message


FRAMES: dict[str, Callable[[], list[bytes]]] = {
    "gpt": lambda: openai_answer({"content": "Hello there, friend"})["sse"],
    "claude": lambda: anthropic_answer({"type": "text", "text": "Hello there, friend"})["sse"],
}
ERROR_FRAMES: dict[str, bytes] = {
    "openai": b'data: {"error":{"message":"boom at noon","type":"server_error","param":null,"code":null}}\n\n',
    "openai overloaded": b'data: {"error":{"message":"boom at noon","type":"overloaded_error","code":503}}\n\n',
    "anthropic": named("error", error={"type": "overloaded_error", "message": "boom at noon"}),
    "named": b'event: error\ndata: {"error":{"message":"boom at noon"}}\n\n',
    "text": b'event: error\ndata: {"error":"boom at noon"}\n\n',
    "bare": b'{"error":{"message":"boom at noon"}}\n\n',
}


def broken(frames: list[bytes], mishap: str) -> Json:
    """A script that breaks a stream in its middle."""
    middle = len(frames) // 2
    if mishap in ERROR_FRAMES:
        return {"sse": [*frames[:middle], ERROR_FRAMES[mishap], *frames[middle:]]}
    match mishap:
        case "garbage":
            return {"sse": [*frames[:middle], b"data: {not json\n\n", *frames[middle:]]}
        case "array":
            return {"sse": [*frames[:middle], b"data: [1, 2]\n\n", *frames[middle:]]}
        case "half":
            return {"sse": frames[:middle]}
        case "half a frame":
            return {"sse": [*frames[:middle], frames[middle][:-9]]}
        case "done too soon":
            return {"sse": [*frames[:middle], b"data: [DONE]\n\n"]}
        case _:
            return {"sse": frames, "reset": "body"}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    "mishap", [*ERROR_FRAMES, "garbage", "array", "half", "half a frame", "done too soon", "reset"]
)
def test_a_stream_that_breaks_raises_in_the_client(cell: Cell, mishap: str, caller: str, upstream: str) -> None:
    cell.says(**broken(FRAMES[upstream](), mishap))
    error = failure(cell, caller, upstream, stream=True)
    if mishap in ERROR_FRAMES:
        assert "boom at noon" in str(error.body)
    body = error.body if caller == "openai" else error.body["error"]
    if caller == "openai":
        assert type(error) is openai.APIError
        assert isinstance(body["code"], str)
        assert error.code == (body["code"])
    else:
        assert isinstance(error, anthropic.APIStatusError)
        assert body["type"] in ("api_error", "overloaded_error")


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("first", [*ERROR_FRAMES])
def test_an_error_in_place_of_a_stream_is_a_status(cell: Cell, first: str, caller: str, upstream: str) -> None:
    ping = [named("ping")] if upstream == "claude" else [b": ping\n\n"]
    cell.says(sse=[*ping, ERROR_FRAMES[first]])
    error = failure(cell, caller, upstream, stream=True)
    assert error.status_code >= 500
    assert "boom at noon" in error.message


NOT_A_REPLY: dict[str, Json] = {
    "html": {"html": True},
    "an array": {"json": [1, 2]},
    "no object": {"body": b"boom"},
    "empty": {"body": b""},
    "no reply": {"json": {"id": "x"}},
    "an openai error": {"json": OPENAI_ERROR},
    "an anthropic error": {"json": ANTHROPIC_ERROR},
    "an empty stream": {"sse": []},
    "a stream of comments": {"sse": [b": ping\n\n", b": ping\n\n"]},
    "only done": {"sse": [b"data: [DONE]\n\n"]},
    "frames of another type": {"sse": [b"data: {}\n\n"], "headers": {"content-type": "text/plain"}},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("answer", NOT_A_REPLY)
def test_a_200_that_is_no_answer_is_an_error(cell: Cell, answer: str, caller: str, upstream: str, stream: bool) -> None:
    cell.says(**NOT_A_REPLY[answer])
    error = failure(cell, caller, upstream, stream)
    assert_status(error, caller, 502)
    if answer in ("an openai error", "an anthropic error"):
        assert "boom at noon" in error.message


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("caller", CALLERS)
def test_a_whole_reply_in_place_of_a_stream_is_streamed(cell: Cell, caller: str, upstream: str) -> None:
    answers = {
        "gpt": openai_answer({"content": "Hello"}),
        "claude": anthropic_answer({"type": "text", "text": "Hello"}),
    }
    cell.says(json=answers[upstream]["json"])
    assert call(cell, caller, upstream, stream=True) == "Hello"


@pytest.mark.parametrize("content_type", ["text/event-stream;charset=UTF-8", "Text/Event-Stream"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_streams_content_type_may_be_spelled_in_any_way(cell: Cell, upstream: str, content_type: str) -> None:
    cell.says(sse=FRAMES[upstream](), headers={"content-type": content_type})
    assert call(cell, "openai", upstream, stream=True) == "Hello there, friend"


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("moment", ["headers", "body"])
def test_a_reset_before_the_answer_is_a_status(cell: Cell, moment: Any, caller: str, upstream: str) -> None:
    answers = {
        "gpt": openai_answer({"content": "Hello"}),
        "claude": anthropic_answer({"type": "text", "text": "Hello"}),
    }
    cell.says(json=answers[upstream]["json"], reset=moment)
    error = failure(cell, caller, upstream, stream=False)
    assert error.status_code in (500, 502)
