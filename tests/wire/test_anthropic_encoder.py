"""Events into the stream of a Messages API caller."""

from __future__ import annotations

from typing import Any

import msgspec
from anthropic import Anthropic
from anthropic.types import Message as VendorMessage
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from nova_core.errors import RateLimitedError
from nova_core.types.chat import Citation
from nova_core.types.events import (
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    LogprobsDelta,
    OpaqueBlock,
    RefusalDelta,
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
from nova_core.wire.sse import SseParser
from tests.wire.anthropic_said import NAME

try:  # The client's own HTTP library, whose name changed between its versions.
    import httpx2 as httpx
except ImportError:
    import httpx

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
START = StreamStart("chatcmpl-1", "gpt")
END = (Finish(0, "stop"), UsageUpdate(Usage(input=3, output=5)))
CALLS_END = (Finish(0, "tool_calls"), UsageUpdate(Usage(input=3, output=5)))


def stream(*events: Event) -> bytes:
    encoder = ANTHROPIC_MESSAGES.encoder(model="public", include_usage=False)
    return b"".join(encoder.encode((event,)) for event in events) + encoder.end()


def sent(data: bytes) -> list[dict[str, Any]]:
    """The events, each checked against the vendor's types and against its own name."""
    parser = SseParser()
    events = []
    for frame in [*parser.feed(data), *parser.end()]:
        event = msgspec.json.decode(frame.data)
        assert frame.event == event["type"]
        EVENT.validate_python(event)
        events.append(event)
    return events


def received(data: bytes) -> VendorMessage:
    """What the vendor's client puts together from the bytes."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=data)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = Anthropic(api_key="k", base_url="http://gateway.test", http_client=http)
        messages = [{"role": "user", "content": "x"}]
        with client.messages.stream(model="m", max_tokens=9, messages=messages) as answered:
            return answered.get_final_message()


def assert_blocks_follow_each_other(events: list[dict[str, Any]]) -> None:
    open_index, seen = None, 0
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert open_index is None
                assert event["index"] == seen
                open_index, seen = seen, seen + 1
            case "content_block_delta":
                assert event["index"] == open_index
            case "content_block_stop":
                assert event["index"] == open_index
                open_index = None
            case "message_delta":
                assert open_index is None


def test_events_come_in_the_vendors_order_without_block_stops_from_upstream():
    events = sent(stream(START, TextDelta(0, 0, "He"), TextDelta(0, 0, "llo"), *END))
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0]["message"]["model"] == "public"
    assert events[0]["message"]["id"] == "chatcmpl-1"
    assert events[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert (events[-2]["usage"]["input_tokens"], events[-2]["usage"]["output_tokens"]) == (3, 5)


def test_usage_known_at_the_start_is_said_at_the_start():
    encoder = ANTHROPIC_MESSAGES.encoder(model="public", include_usage=True)
    (first,) = sent(encoder.encode((START, UsageUpdate(Usage(input=8, cache_read=2)))))
    assert first["message"]["usage"]["input_tokens"] == 8
    assert first["message"]["usage"]["cache_read_input_tokens"] == 2


def test_the_vendors_client_reads_a_whole_answer():
    citation = Citation("openai_chat", {}, url="https://e.org", title="E")
    data = stream(
        START,
        ThinkingDelta(0, 0, "hm"),
        SignatureDelta(0, 0, "sig"),
        TextDelta(0, 1, "Look: "),
        CitationDelta(0, 1, citation),
        ToolCallStart(0, 2, "call_1", "f"),
        ToolArgumentsDelta(0, 2, '{"a":'),
        ToolArgumentsDelta(0, 2, " 1}"),
        ToolCallStart(0, 3, "call_2", "g"),
        *CALLS_END,
    )
    message = received(data)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    thinking, text, first, second = message.content
    assert (thinking.thinking, thinking.signature) == ("hm", "sig")
    assert (text.text, text.citations[0].url) == ("Look: ", "https://e.org")
    assert (first.id, first.name, first.input) == ("call_1", "f", {"a": 1})
    assert (second.name, second.input) == ("g", {})
    assert message.stop_reason == "tool_use"
    assert message.usage.output_tokens == 5


def test_interleaved_calls_are_said_one_after_the_other():
    events = sent(
        stream(
            START,
            ToolCallStart(0, 0, "a", "f"),
            ToolCallStart(0, 1, "b", "g"),
            ToolArgumentsDelta(0, 1, '{"y"'),
            ToolArgumentsDelta(0, 0, '{"x"'),
            TextDelta(0, 2, "meanwhile"),
            ToolArgumentsDelta(0, 1, ":2}"),
            ToolArgumentsDelta(0, 0, ":1}"),
            *CALLS_END,
        )
    )
    assert_blocks_follow_each_other(events)
    starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert [block.get("name", block["type"]) for block in starts] == ["f", "g", "text"]
    pieces = [event["delta"].get("partial_json") for event in events if event["type"] == "content_block_delta"]
    assert pieces == ['{"x"', ":1}", '{"y"', ":2}", None]


def test_a_second_call_does_not_wait_once_the_first_is_whole():
    encoder = ANTHROPIC_MESSAGES.encoder(model="public", include_usage=False)
    encoder.encode((START, ToolCallStart(0, 0, "a", "f"), ToolArgumentsDelta(0, 0, '{"x":1}')))
    second = sent(encoder.encode((ToolCallStart(0, 1, "b", "g"), ToolArgumentsDelta(0, 1, '{"y"'))))
    assert [event["type"] for event in second] == ["content_block_stop", "content_block_start", "content_block_delta"]


def test_text_that_goes_on_after_a_call_opens_a_block_of_its_own():
    events = sent(
        stream(
            START,
            TextDelta(0, 0, "a"),
            ToolCallStart(0, 1, "t", "f"),
            ToolArgumentsDelta(0, 1, "{}"),
            TextDelta(0, 0, "b"),
            *END,
        )
    )
    assert_blocks_follow_each_other(events)
    kinds = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    assert kinds == ["text", "tool_use", "text"]


@st.composite
def interleavings(draw: st.DrawFn) -> tuple[list[str], list[Event]]:
    """Calls with their arguments cut in pieces, the pieces of different calls in any order."""
    arguments = draw(
        st.lists(st.sampled_from(["{}", '{"a":1}', '{"b":"}{"}', '{"c":[1,{"d":null}]}']), min_size=1, max_size=4)
    )
    queues: list[list[Event]] = []
    for place, text in enumerate(arguments):
        cut = draw(st.integers(0, len(text)))
        pieces: list[Event] = [ToolArgumentsDelta(0, place, piece) for piece in (text[:cut], text[cut:]) if piece]
        queues.append([ToolCallStart(0, place, f"id{place}", f"f{place}"), *pieces])
        if draw(st.booleans()):
            queues[-1].append(BlockStop(0, place))
    events: list[Event] = []
    while any(queues):
        events.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    return arguments, events


@settings(max_examples=50, deadline=None)
@given(interleavings())
def test_however_calls_interleave_each_arrives_whole(case):
    arguments, events = case
    said = sent(stream(START, *events, *CALLS_END))
    assert_blocks_follow_each_other(said)
    whole: dict[str, str] = {}
    names: dict[int, str] = {}
    for event in said:
        if event["type"] == "content_block_start":
            names[event["index"]] = event["content_block"]["name"]
            whole[names[event["index"]]] = ""
        elif event["type"] == "content_block_delta":
            whole[names[event["index"]]] += event["delta"]["partial_json"]
    assert whole == {f"f{place}": text for place, text in enumerate(arguments)}


def test_a_refusal_is_text_that_stops_for_refusal():
    message = received(stream(START, RefusalDelta(0, 0, "No."), *END))
    assert message.content[0].text == "No."
    assert message.stop_reason == "refusal"


def test_whole_blocks_of_this_dialect_pass_and_those_of_others_do_not():
    raw = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    message = received(
        stream(
            START, OpaqueBlock(0, 0, NAME, raw), OpaqueBlock(0, 1, "other", {"type": "x"}), TextDelta(0, 2, "a"), *END
        )
    )
    assert [block.type for block in message.content] == ["server_tool_use", "text"]
    assert message.content[0].input == {"query": "x"}


def test_a_picture_that_another_provider_drew_is_a_block_of_its_own():
    source = {"type": "base64", "media_type": "image/png", "data": "aW1n"}
    inline = OpaqueBlock(0, 1, "gemini", {"inlineData": {"mimeType": "image/png", "data": "aW1n"}})
    listed = {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}]}
    beside = ExtraDelta({"openai_chat": {"message": listed}}, 0)
    for drawn in (inline, beside):
        said = stream(StreamStart("r", "m"), TextDelta(0, 0, "Here"), drawn, TextDelta(0, 2, "!"), Finish(0, "stop"))
        assert_blocks_follow_each_other([msgspec.json.decode(frame.data) for frame in SseParser().feed(said)])
        kinds = [block.type for block in received(said).content]
        assert kinds == ["text", "image", "text"]
        assert received(said).content[1].source == source
    waiting = (ToolCallStart(0, 0, "c1", "f"), beside, ToolArgumentsDelta(0, 0, "{}"), Finish(0, "tool_calls"))
    assert [block.type for block in received(stream(StreamStart("r", "m"), *waiting)).content] == ["tool_use", "image"]


def test_answers_after_the_first_and_logprobs_are_left_out():
    events = sent(stream(START, TextDelta(1, 0, "second"), LogprobsDelta(0, {}), *END))
    assert [event["type"] for event in events] == ["message_start", "message_delta", "message_stop"]


def test_a_stop_sequence_is_named():
    events = sent(stream(START, TextDelta(0, 0, "a"), Finish(0, "stop", None, "END")))
    assert events[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}


def test_an_answer_without_a_finish_reason_is_never_ended_cleanly():
    data = stream(START, TextDelta(0, 0, "a"))
    assert b"event: error" in data
    assert b"message_stop" not in data


def test_a_failure_is_an_error_event_of_its_kind():
    encoder = ANTHROPIC_MESSAGES.encoder(model="m", include_usage=False)
    assert encoder.fail(RateLimitedError("slow down")) == (
        b'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}\n\n'
    )


def test_empty_pieces_open_no_block():
    events = sent(stream(START, TextDelta(0, 0, ""), *END))
    assert [event["type"] for event in events] == ["message_start", "message_delta", "message_stop"]
