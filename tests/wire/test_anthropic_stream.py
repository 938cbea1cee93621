"""Streams of the Messages API into events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nova_core.errors import (
    AuthenticationError,
    BadRequestError,
    ContextWindowExceededError,
    InternalServerError,
    NovaError,
    RateLimitedError,
    ServiceUnavailableError,
    StreamBrokenError,
)
from nova_core.types.events import (
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    Frame,
    OpaqueBlock,
    RedactedThinkingBlock,
    SignatureDelta,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
    UsageUpdate,
)
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from tests.wire.anthropic_said import NAME


def frame(kind: str, **data: Any) -> Frame:
    return Frame(msgspec.json.encode({"type": kind, **data}), kind)


START = frame(
    "message_start",
    message={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "up",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1, "service_tier": "standard"},
    },
)
STOP = frame("message_stop")


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[Frame]:
    return [
        frame("content_block_start", index=index, content_block=start),
        *(frame("content_block_delta", index=index, delta=delta) for delta in deltas),
        frame("content_block_stop", index=index),
    ]


def ending(reason: str = "end_turn", **usage: Any) -> Frame:
    return frame(
        "message_delta",
        delta={"stop_reason": reason, "stop_sequence": None},
        usage={"output_tokens": 7, **usage},
    )


def decoded(*frames: Frame) -> list[Event]:
    decoder = ANTHROPIC_MESSAGES.decoder()
    events = [event for item in frames for event in decoder.decode(item)]
    return [*events, *decoder.end()]


def test_a_stream_of_text_thinking_and_tools_becomes_events():
    events = decoded(
        START,
        frame("ping"),
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "signature_delta", "signature": "sig"},
        ),
        *block(1, {"type": "redacted_thinking", "data": "x"}),
        *block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"}),
        *block(
            3,
            {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"a"'},
            {"type": "input_json_delta", "partial_json": ":1}"},
        ),
        ending("tool_use"),
        STOP,
    )
    assert events == [
        StreamStart("msg_1", "up", service_tier="default"),
        UsageUpdate(Usage(input=9, cache_read=4, output=1)),
        ThinkingDelta(0, 0, ""),
        ThinkingDelta(0, 0, "hm"),
        SignatureDelta(0, 0, "sig"),
        BlockStop(0, 0),
        RedactedThinkingBlock(0, 1, "x"),
        BlockStop(0, 1),
        TextDelta(0, 2, ""),
        TextDelta(0, 2, "Hi"),
        BlockStop(0, 2),
        ToolCallStart(0, 3, "t", "f"),
        ToolArgumentsDelta(0, 3, '{"a"'),
        ToolArgumentsDelta(0, 3, ":1}"),
        BlockStop(0, 3),
        Finish(0, "tool_calls"),
        UsageUpdate(Usage(input=9, cache_read=4, output=7)),
    ]


@pytest.mark.parametrize(
    ("start", "arguments"),
    [({}, "{}"), ({"input": {}}, "{}"), ({"input": {"a": 1}}, '{"a":1}')],
)
def test_a_tool_called_without_streamed_arguments_gets_whole_ones(start, arguments):
    events = decoded(START, *block(0, {"type": "tool_use", "id": "t", "name": "f", **start}), ending("tool_use"), STOP)
    assert ToolArgumentsDelta(0, 0, arguments) in events


@pytest.mark.parametrize(
    ("caller", "extra"),
    [
        ({"type": "direct"}, {}),
        ({"type": "code_execution", "tool_id": "s"}, {"caller": {"type": "code_execution", "tool_id": "s"}}),
    ],
)
def test_who_calls_a_tool_is_kept_where_it_says_something(caller, extra):
    start = {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": caller}
    events = decoded(START, *block(0, start), ending("tool_use"), STOP)
    known = {"anthropic_messages": extra} if extra else {}
    assert ToolCallStart(0, 0, "t", "f", extra=known) in events


def test_citations_keep_their_own_form():
    raw = {"type": "web_search_result_location", "url": "u", "title": "t", "cited_text": "c", "encrypted_index": "e"}
    events = decoded(
        START, *block(0, {"type": "text", "text": ""}, {"type": "citations_delta", "citation": raw}), ending(), STOP
    )
    (cited,) = (event.citation for event in events if isinstance(event, CitationDelta))
    assert (cited.dialect, cited.raw, cited.url, cited.cited_text) == (NAME, raw, "u", "c")


def test_blocks_only_this_dialect_knows_are_kept_whole():
    events = decoded(
        START,
        *block(
            0,
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"query":'},
            {"type": "input_json_delta", "partial_json": '"x"}'},
        ),
        *block(1, {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]}),
        *block(2, {"type": "compaction", "content": ""}, {"type": "compaction_delta", "content": "so far"}),
        ending(),
        STOP,
    )
    assert [event.raw for event in events if isinstance(event, OpaqueBlock)] == [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]},
        {"type": "compaction", "content": "so far"},
    ]


def test_what_the_end_says_besides_is_kept():
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    last = frame(
        "message_delta",
        delta={"stop_reason": "refusal", "stop_sequence": None, "stop_details": details, "container": {"id": "c"}},
        usage={"output_tokens": 2, "server_tool_use": {"web_search_requests": 1}},
    )
    events = decoded(START, last, STOP)
    assert Finish(0, "refusal") in events
    assert ExtraDelta({NAME: {"stop_details": details}}, choice=0) in events
    extra = {"container": {"id": "c"}, "usage": {"server_tool_use": {"web_search_requests": 1}}}
    assert ExtraDelta({NAME: extra}) in events


@pytest.mark.parametrize("left_out", ["everything", "the stop", "the reason"])
def test_a_stream_that_ends_early_is_broken(left_out):
    frames = {"everything": [START], "the stop": [START, ending()], "the reason": [START, STOP]}[left_out]
    with pytest.raises(StreamBrokenError):
        decoded(*frames)


@pytest.mark.parametrize(
    "garbage",
    [
        Frame(b"<html>", None),
        Frame(b"[1]", "ping"),
        Frame(b"\xff\xfe", "ping"),
        frame("message_start"),
        frame("content_block_delta", index=5, delta={"type": "text_delta", "text": "x"}),
        frame("content_block_start", index=0, content_block="x"),
    ],
)
def test_garbage_breaks_the_stream(garbage):
    with pytest.raises(StreamBrokenError):
        decoded(garbage)


@pytest.mark.parametrize(
    ("kind", "message", "expected", "status"),
    [
        ("overloaded_error", "Overloaded", ServiceUnavailableError, 529),
        ("rate_limit_error", "slow down", RateLimitedError, 429),
        ("invalid_request_error", "bad", BadRequestError, 400),
        ("invalid_request_error", "prompt is too long: 9 tokens > 8", ContextWindowExceededError, 400),
        ("authentication_error", "key", AuthenticationError, 401),
        ("api_error", "oops", InternalServerError, 500),
    ],
)
@pytest.mark.parametrize("reader", ["decoder", "relay"])
def test_an_error_event_is_raised_as_its_kind(kind, message, expected, status, reader):
    event = frame("error", error={"type": kind, "message": message})
    relay = ANTHROPIC_MESSAGES.relay(model="m")
    read = ANTHROPIC_MESSAGES.decoder().decode if reader == "decoder" else relay.relay
    with pytest.raises(NovaError) as caught:
        read(event)
    assert type(caught.value) is expected
    assert (caught.value.status, caught.value.message) == (status, message)


def test_an_error_without_sse_framing_is_an_error_too():
    with pytest.raises(NovaError, match="broken"):
        decoded(Frame(b'{"error":{"message":"broken"}}'))


def test_frames_after_the_end_are_ignored():
    decoder = ANTHROPIC_MESSAGES.decoder()
    for item in (START, ending(), STOP):
        decoder.decode(item)
    assert decoder.decode(Frame(b"[DONE]")) == ()
    assert decoder.end() == ()


def test_the_relay_changes_only_the_name_of_the_model():
    relay = ANTHROPIC_MESSAGES.relay(model="public")
    data = (
        b'{"type":"message_start","message":{"model": "up","id":"msg_1",'
        b'"usage":{"input_tokens":3.0e0,"x":[1, 2]}},"a":1}'
    )
    first = relay.relay(Frame(data, "message_start"))
    assert first == (
        b'event: message_start\ndata: {"type":"message_start","message":{"model":"public","id":"msg_1",'
        b'"usage":{"input_tokens":3.0e0,"x":[1, 2]}},"a":1}\n\n'
    )
    odd = b'{"type":"content_block_delta", "index":0,"delta":{"type":"text_delta","text":"\\u00e9"},"future":true}'
    assert relay.relay(Frame(odd, "content_block_delta")) == b"event: content_block_delta\ndata: " + odd + b"\n\n"
    assert relay.relay(frame("ping")) == b'event: ping\ndata: {"type":"ping"}\n\n'
    assert relay.events == 3


def test_the_relay_reads_usage_and_drops_what_follows_the_end():
    relay = ANTHROPIC_MESSAGES.relay(model="public")
    relay.relay(START)
    assert relay.usage == Usage(input=9, cache_read=4, output=1)
    relay.relay(ending())
    relay.relay(STOP)
    assert relay.usage == Usage(input=9, cache_read=4, output=7)
    assert relay.relay(Frame(b"[DONE]")) == b""
    assert relay.end() == b""
    assert relay.events == 3


def test_the_relay_adds_a_missing_end_only_to_a_finished_answer():
    relay = ANTHROPIC_MESSAGES.relay(model="public")
    relay.relay(START)
    with pytest.raises(StreamBrokenError):
        relay.end()
    relay.relay(ending())
    assert relay.end() == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


@pytest.mark.parametrize("data", [b"<html>", b"[1]", b'{"type":"message_start","message":3}', b'{"a":'])
def test_the_relay_stops_at_garbage(data):
    with pytest.raises(StreamBrokenError):
        ANTHROPIC_MESSAGES.relay(model="m").relay(Frame(data, "message_start"))


def test_the_relay_ends_a_broken_stream_with_an_error_event():
    data = ANTHROPIC_MESSAGES.relay(model="m").fail(StreamBrokenError("cut"))
    assert data == b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"cut"}}\n\n'
