"""Chats in a vendor's envelope: garbage never becomes an answer, and helpers say what is there and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    NovaError,
    RateLimitedError,
    StreamBrokenError,
)
from nova_core.testing.provider_bench import chat_request
from nova_core.types.events import Frame, TextDelta
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.enveloped import (
    Body,
    Enveloped,
    OpenedFrames,
    chunk,
    failed_frame,
    reply,
    text_of,
    unsaid,
    usage_of,
)
from nova_core.wire.functions_only import parameters_of
from nova_core.wire.granted import token_of
from nova_core.wire.image_words import nearest_shape, size_of, unsaid_fields
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.sse import SseParser

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
)
NO_LETTERS = JSON.filter(lambda data: not isinstance(data, dict) or data.keys().isdisjoint({"letter", "end"}))


class Letters:
    """Opens `{"letter": text}` and `{"end": reason}`."""

    def chunks(self, data: Any, event: str | None) -> Iterable[Body]:
        if "end" in data:
            return [chunk({}, data["end"])]
        return [chunk({"content": data["letter"]})]

    def end(self) -> Iterable[Body]:
        return ()


class Post(Enveloped):
    """A vendor whose whole answers are `{"letters": [text]}`."""

    providers = ("post",)

    def opened(self, answer: Body, operation: Operation) -> Body:
        return reply({"content": "".join(answer["letters"])}, "stop")


def events(*data: bytes) -> list[Any]:
    frames, decoder = OpenedFrames(SseParser(), Letters(), {}), OPENAI_CHAT.decoder()
    made = [frame for piece in data for frame in frames.feed(piece)] + frames.end()
    return [*(event for frame in made for event in decoder.decode(frame)), *decoder.end()]


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=30)))
def test_garbage_is_never_a_stream(pieces: list[bytes]):
    with pytest.raises(NovaError):
        events(*pieces)


@settings(max_examples=40)
@given(NO_LETTERS)
def test_events_of_another_shape_are_never_a_stream(data: Any):
    with pytest.raises(NovaError):
        events(b"data: " + json.dumps(data).encode() + b"\n\n")


def test_an_end_of_another_shape_is_none():
    class Ending(Letters):
        def end(self):
            yield chunk({"content": {}["text"]})

    with pytest.raises(StreamBrokenError):
        OpenedFrames(SseParser(), Ending(), {}).end()


@settings(max_examples=40)
@given(JSON)
def test_answers_of_another_shape_are_told_as_such(data: Any):
    body = json.dumps(data).encode()
    with pytest.raises(BadGatewayError):
        Post()._read(OPENAI_CHAT, UpstreamResponse(200, {}, body))


def test_an_error_of_the_framing_is_told_after_what_came_before_it():
    class Failing(SseParser):
        def feed(self, data: bytes) -> list[Frame]:
            return [*super().feed(data), failed_frame(RateLimitedError("slow down"))]

    text, failed = OpenedFrames(Failing(), Letters(), {}).feed(b'data: {"letter": "a"}\n\n')
    decoder = OPENAI_CHAT.decoder()
    assert TextDelta(0, 0, "a") in decoder.decode(text)
    with pytest.raises(RateLimitedError, match="slow down"):
        decoder.decode(failed)


def test_a_message_is_read_and_nothing_is_made_up():
    answer = Post()._read(OPENAI_CHAT, UpstreamResponse(200, {}, b'{"letters": ["Hi", "."]}'))
    assert (answer.typed.text, answer.usage) == ("Hi.", None)
    assert usage_of(3, None) is None
    assert usage_of(3, True) is None
    assert usage_of(3, 2, cached=1) == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
    }


def test_what_messages_hold_besides_text_is_named():
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}, "odd"]
    request = chat_request("m", [{"role": "user", "content": parts, "name": "bob"}])
    assert [note.field for note in unsaid(request, "text only")] == [
        "messages[0].content[1]",
        "messages[0].content[2]",
        "messages[0].name",
    ]
    assert text_of(parts) == "a"
    with pytest.raises(BadRequestError, match=r"messages\[0\]"):
        list(unsaid(chat_request("m", ["hi"]), ""))  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"expires_in": "60"}, 60),
        ({"expires_at": 1_060}, 60),
        ({"expires_at": 1_700_000_000_000}, 1_699_999_000),
        ({}, 1800),
    ],
)
def test_tokens_say_for_how_long_they_are_good(said: dict[str, Any], seconds: float):
    body = json.dumps({"access_token": "t", **said}).encode()
    secret, good_for = token_of(UpstreamResponse(200, {}, body), 1_000)
    assert (secret.reveal(), good_for) == ("t", seconds)


@settings(max_examples=40)
@given(JSON.filter(lambda data: not (isinstance(data, dict) and data.get("access_token"))))
def test_an_answer_without_a_token_is_an_error(data: Any):
    with pytest.raises(AuthenticationError):
        token_of(UpstreamResponse(200, {}, json.dumps(data).encode()), 0)


def test_sizes_of_images_have_a_shape():
    shapes = ("1:1", "16:9", "9:16", "4:3")
    sizes = {(1024, 1024): "1:1", (1792, 1024): "16:9", (1024, 1792): "9:16", (800, 600): "4:3"}
    assert {size: nearest_shape(size, shapes) for size in sizes} == sizes
    asked = Request("image_generation", OPENAI_IMAGES, {"prompt": "a", "size": "1024x0", "n": 1, "style": "vivid"})
    with pytest.raises(BadRequestError, match="WIDTHxHEIGHT"):
        size_of(asked)
    assert [(note.field, note.fate.name) for note in unsaid_fields(asked, ("size",))] == [
        ("n", "HINT"),
        ("style", "LOST"),
    ]


def test_custom_tools_are_no_functions_where_a_vendor_has_only_those() -> None:
    class Functions(Enveloped):
        functions_only = True

    tools: Any = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]
    calls: Any = [{"id": "1", "type": "custom", "custom": {"name": "c", "input": "free"}}]
    turns: Any = [{"role": "assistant", "content": None, "tool_calls": calls}]
    request = chat_request("m", turns, tools=tools)
    assert Functions().review(request).lost == ("tools[1]",)
    sent = Functions().to_upstream(request)
    assert sent.get("tools") == tools[:1]
    function = {"name": "c", "arguments": '{"input":"free"}'}
    assert sent.get("messages")[0]["tool_calls"] == [{"id": "1", "type": "function", "function": function}]
    assert Enveloped().to_upstream(request).get("tools") == tools


@settings(max_examples=25)
@given(JSON)
def test_parameters_are_read_of_whatever_stands_for_a_schema(schema: Any) -> None:
    for said in (schema, {"properties": schema}, {"properties": {"x": schema}, "required": schema}):
        assert all(isinstance(told, dict) and isinstance(needed, bool) for _, told, needed in parameters_of(said))
    told = {"properties": {"x": {"type": "string"}, "y": True}, "required": ["x"]}
    assert list(parameters_of(told)) == [("x", {"type": "string"}, True), ("y", {}, False)]
