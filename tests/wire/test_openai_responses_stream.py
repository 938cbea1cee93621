"""Streams of the Responses API: what is encoded is the vendor's, what is decoded is what was said, split anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from nova_core.errors import InternalServerError, NovaError, RateLimitedError, StreamBrokenError
from nova_core.testing.upstream_replies import Said
from nova_core.testing.upstream_responses import RESPONSES_SHAPES, response_pieces
from nova_core.types.chat import ChatReply, Citation
from nova_core.types.events import (
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    Frame,
    OpaqueBlock,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
)
from nova_core.wire.assemble import assemble, disassemble
from nova_core.wire.openai_responses import OPENAI_RESPONSES, Asked, OpenAIResponses
from nova_core.wire.sse import SseParser
from tests.wire.strategies import replies

EVENT = TypeAdapter[Any](ResponseStreamEvent)
Json = dict[str, Any]


def encoded(pieces: Iterable[tuple[Event, ...]], dialect: Any = OPENAI_RESPONSES) -> bytes:
    encoder = dialect.encoder(model="public", include_usage=False)
    return b"".join([*(encoder.encode(events) for events in pieces), encoder.end()])


def frames_of(data: bytes) -> list[Frame]:
    parser = SseParser()
    return [*parser.feed(data), *parser.end()]


def events_of(data: bytes) -> list[Json]:
    """The events, each of them checked against the vendor's types."""
    found: list[Json] = [msgspec.json.decode(frame.data) for frame in frames_of(data)]
    for event, frame in zip(found, frames_of(data), strict=True):
        EVENT.validate_python(event)
        assert event["type"] == frame.event
    return found


def decoded(frames: Iterable[Frame]) -> ChatReply:
    decoder = OPENAI_RESPONSES.decoder()
    events = [event for frame in frames for event in decoder.decode(frame)]
    return assemble((*events, *decoder.end()))


def nameless(output: list[Json]) -> list[Json]:
    return [{name: value for name, value in item.items() if name != "id"} for item in output]


@settings(max_examples=30)
@given(replies)
def test_streamed_and_whole_an_answer_is_the_same_and_valid(reply: ChatReply) -> None:
    whole = OPENAI_RESPONSES.render_reply(reply)
    Response.model_validate(whole)
    events = events_of(encoded(disassemble(reply)))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    last = events[-1]
    assert last["type"] == f"response.{whole['status']}"
    assert nameless(last["response"]["output"]) == nameless(whole["output"])
    assert (last["response"]["usage"], last["response"]["status"]) == (whole["usage"], whole["status"])


@settings(max_examples=30)
@given(replies)
def test_items_open_fill_and_close_in_order(reply: ChatReply) -> None:
    opened: dict[int, str] = {}
    closed: list[int] = []
    for event in events_of(encoded(disassemble(reply))):
        index = event.get("output_index")
        if event["type"] == "response.output_item.added":
            assert index == len(opened)
            opened[index] = event["item"]["id"]
        elif event["type"] == "response.output_item.done":
            assert event["item"]["id"] == opened[index]
            closed.append(index)
        elif index is not None:
            assert event["item_id"] == opened[index]
            assert index not in closed
    assert sorted(closed) == list(opened)


@settings(max_examples=30)
@given(replies, st.data())
def test_a_stream_is_read_alike_wherever_it_is_split(reply: ChatReply, data: st.DataObject) -> None:
    wire = encoded(disassemble(replace(reply, choices=reply.choices[:1])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    parser = SseParser()
    pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    frames = [frame for piece in pieces for frame in parser.feed(piece)] + parser.end()
    assert decoded(frames) == decoded(frames_of(wire))
    relay = OPENAI_RESPONSES.relay(model="other")
    passed = b"".join(map(relay.relay, frames)) + relay.end()
    assert [event.pop("response", None) is None for event in events_of(passed)] == [
        event.pop("response", None) is None for event in events_of(wire)
    ]


@settings(max_examples=30)
@given(replies)
def test_what_was_encoded_is_decoded_to_the_same_answer(reply: ChatReply) -> None:
    wire = encoded(disassemble(replace(reply, choices=reply.choices[:1])))
    last = events_of(wire)[-1]["response"]
    again, whole = decoded(frames_of(wire)), OPENAI_RESPONSES.parse_reply(last)
    assert isinstance(whole, ChatReply)
    assert again.text == whole.text
    assert (again.usage, again.choices[0].finish) == (whole.usage, whole.choices[0].finish)
    kinds = [[type(part) for part in each.choices[0].message.parts] for each in (again, whole)]
    assert kinds[0] == kinds[1]


def test_parallel_calls_that_are_said_in_turns_follow_each_other() -> None:
    """Clients count items as they come: on this wire one is complete before the next begins."""
    turns: list[tuple[Event, ...]] = [
        (StreamStart("x", "m"), TextDelta(0, 0, "Looking.")),
        (ToolCallStart(0, 1, "a", "f"), ToolArgumentsDelta(0, 1, '{"n":')),
        (ToolCallStart(0, 2, "b", "f", custom=True), ToolArgumentsDelta(0, 2, "free ")),
        (ToolArgumentsDelta(0, 1, "1}"), ToolArgumentsDelta(0, 2, "text")),
        (Finish(0, "tool_calls"),),
    ]
    events = events_of(encoded(turns))
    _, call, custom = events[-1]["response"]["output"]
    assert (call["arguments"], custom["input"]) == ('{"n":1}', "free text")
    steps = [(event["type"].rpartition(".")[2], event["output_index"]) for event in events if "output_index" in event]
    assert [place for _, place in steps] == sorted(place for _, place in steps)
    assert [step for step in steps if step[1]] == [
        *(("added", 1), ("delta", 1), ("delta", 1), ("done", 1), ("done", 1)),
        *(("added", 2), ("delta", 2), ("delta", 2), ("done", 2), ("done", 2)),
    ]


def test_a_source_that_is_told_before_its_text_is_on_all_of_it() -> None:
    cited = CitationDelta(0, 0, Citation("anthropic_messages", {}, url="https://x", title="X"))
    pieces: list[tuple[Event, ...]] = [
        (StreamStart("x", "m"), cited), (TextDelta(0, 0, "It "),), (TextDelta(0, 0, "is."), BlockStop(0, 0)),
        (Finish(0, "stop"),),
    ]  # fmt: skip
    events = events_of(encoded(pieces))
    kinds = [event["type"].removeprefix("response.output_text.") for event in events if "output_text" in event["type"]]
    assert kinds == ["delta", "delta", "annotation.added", "done"]
    (found,) = events[-1]["response"]["output"][0]["content"][0]["annotations"]
    assert (found["start_index"], found["end_index"]) == (0, 6)


def test_pieces_without_events_say_nothing_before_the_start() -> None:
    encoder = OPENAI_RESPONSES.encoder(model="m", include_usage=False)
    assert encoder.encode(()) == b""
    assert encoder.encode((StreamStart("x", "m"),)) != b""
    assert encoder.encode(()) == b""


def test_the_response_is_told_before_it_is_complete_on_the_wire() -> None:
    told: list[Any] = []
    dialect = OpenAIResponses(Asked({"temperature": 0.5}, known_as=lambda id: f"our-{id}", tell=told.append))
    events = events_of(encoded([(StreamStart("x", "m"), TextDelta(0, 0, "Hi"), Finish(0, "stop"))], dialect))
    assert told == [events[-1]["response"]]
    assert (told[0]["id"], told[0]["temperature"], told[0]["model"]) == ("our-x", 0.5, "public")


@pytest.mark.parametrize("kept", range(1, 9))
def test_a_truncated_stream_is_broken_wherever_it_ends(kept: int) -> None:
    pieces = [frame for piece in scripted("two words") for frame in frames_of(piece)][:kept]
    decoder, relay = OPENAI_RESPONSES.decoder(), OPENAI_RESPONSES.relay(model="m")
    for frame in pieces:
        decoder.decode(frame)
        relay.relay(frame)
    with pytest.raises(StreamBrokenError):
        decoder.end()
    with pytest.raises(StreamBrokenError) as broken:
        relay.end()
    last = events_or_errors(relay.fail(broken.value))
    assert [event["type"] for event in last] == ["response.failed", "error"]
    assert [event["sequence_number"] for event in last] == [kept, kept + 1]


def events_or_errors(data: bytes) -> list[Json]:
    return [msgspec.json.decode(frame.data) for frame in frames_of(data)]


def scripted(text: str, **body: Any) -> tuple[bytes, ...]:
    """The events of an upstream that says `text`."""
    return RESPONSES_SHAPES[0][1].pieces(Said({"model": "m", **body}, "m", text, None, (), (5, 2), None))


@given(st.lists(st.binary(max_size=40) | st.sampled_from(scripted("a b")), max_size=12))
def test_garbage_is_an_error_or_nothing_but_never_a_clean_end(pieces: list[bytes]) -> None:
    for reader in (OPENAI_RESPONSES.decoder(), OPENAI_RESPONSES.relay(model="m")):
        read = reader.decode if hasattr(reader, "decode") else reader.relay
        complete = False
        try:
            for frame in frames_of(b"".join(pieces)):
                read(frame)
                complete = complete or b'"response.completed"' in frame.data
            reader.end()
        except NovaError:
            continue
        assert complete


def test_a_relay_changes_only_model_and_ids() -> None:
    pieces = scripted("two words", previous_response_id="resp_upstream")
    dialect = OpenAIResponses(Asked(previous="resp_ours_0", known_as=lambda id: f"sealed-{id}"))
    relay = dialect.relay(model="public")
    frames = [frame for piece in pieces for frame in frames_of(piece)]
    passed = [relay.relay(frame) for frame in frames]
    for before, after in zip(pieces, passed, strict=True):
        old, new = events_or_errors(before)[0], events_or_errors(after)[0]
        if "response" in old:
            changed = {"id": "sealed-resp_scripted", "model": "public", "previous_response_id": "resp_ours_0"}
            assert new == {**old, "response": {**old["response"], **changed}}
        else:
            assert after == before
    assert relay.end() == b""
    assert relay.usage is not None
    assert (relay.usage.input_total, relay.usage.output_total) == (5, 2)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": None}, RateLimitedError),
        ({"type": "error", "error": {"type": "server_error", "message": "oops"}}, InternalServerError),
        (
            {
                "type": "response.failed",
                "response": {"id": "r", "status": "failed", "error": {"code": "server_error", "message": "oops"}},
            },
            InternalServerError,
        ),
    ],
)
def test_a_failure_in_a_stream_is_the_error_that_it_says(event: Json, kind: type[NovaError]) -> None:
    (piece,) = response_pieces([event])
    (frame,) = frames_of(piece)
    with pytest.raises(kind):
        OPENAI_RESPONSES.decoder().decode(frame)
    relay = OPENAI_RESPONSES.relay(model="m")
    with pytest.raises(kind) as caught:
        relay.relay(frame)
    last = events_or_errors(relay.fail(caught.value))
    assert last[-1]["error"]["message"] == caught.value.message
    assert [event["sequence_number"] for event in last] == list(range(len(last)))


def test_what_a_vendor_says_without_deltas_is_read_from_the_items() -> None:
    thought = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    text = {"type": "output_text", "text": "Hi", "annotations": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    call = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
    items = [thought, search, message, call]
    done = [{"type": "response.output_item.done", "output_index": n, "item": item} for n, item in enumerate(items)]
    response = {"id": "resp_1", "model": "m", "status": "completed", "output": items, "created_at": 1}
    end = {"type": "response.completed", "response": response}
    frames = [frame for piece in response_pieces([*done, end]) for frame in frames_of(piece)]
    decoder = OPENAI_RESPONSES.decoder()
    events = [event for frame in frames for event in decoder.decode(frame)]
    decoder.end()
    assert ThinkingDelta(0, 0, "Hm.") in events
    assert OpaqueBlock(0, 1, "openai_responses", search) in events
    assert TextDelta(0, 2, "Hi") in events
    assert [event for event in events if isinstance(event, ToolCallStart)] == [ToolCallStart(0, 3, "c", "f")]
    assert ToolArgumentsDelta(0, 3, "{}") in events
    assert BlockStop(0, 3) in events
    assert events[-1] == Finish(0, "tool_calls")


def test_a_vendors_ids_and_encrypted_thoughts_survive_being_encoded_anew() -> None:
    thought = {
        "id": "rs_1", "type": "reasoning", "encrypted_content": "gAAAA",
        "summary": [{"type": "summary_text", "text": "Hm."}],
    }  # fmt: skip
    added = {"type": "response.output_item.added", "output_index": 0, "item": {**thought, "summary": []}}
    delta = {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "Hm."}
    done = {"type": "response.output_item.done", "output_index": 0, "item": thought}
    silent = {"id": "rs_2", "type": "reasoning", "encrypted_content": "gBBBB", "summary": []}
    unshown = {"type": "response.output_item.done", "output_index": 1, "item": silent}
    output = [thought, silent]
    response = {"id": "resp_1", "model": "m", "status": "completed", "output": output, "tools": [{"type": "mcp"}]}
    begun = {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}}
    wire = response_pieces([begun, added, delta, done, unshown, {"type": "response.completed", "response": response}])
    decoder = OPENAI_RESPONSES.decoder()
    events = [decoder.decode(frame) for piece in wire for frame in frames_of(piece)]
    last = events_or_errors(encoded(events))[-1]["response"]
    assert last["output"] == output
    assert last["tools"] == [{"type": "mcp"}]


def test_what_an_upstream_says_of_a_whole_response_is_said_when_it_is_streamed() -> None:
    reply = OPENAI_RESPONSES.parse_reply({"id": "r", "model": "m", "output": [], "metadata": {"ticket": "7"}})
    assert isinstance(reply, ChatReply)
    first, *_, last = events_or_errors(encoded(disassemble(reply)))
    assert (first["response"]["metadata"], last["response"]["metadata"]) == ({"ticket": "7"}, {"ticket": "7"})


def test_a_picture_is_streamed_as_an_item_of_its_own() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "aW1n"}}
    listed = {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}]}
    for drawn in (OpaqueBlock(0, 1, "gemini", image), ExtraDelta({"openai_chat": {"message": listed}}, 0)):
        start, text = StreamStart("r", "m"), TextDelta(0, 0, "Here")
        events = events_of(encoded([(start,), (text,), (drawn,), (TextDelta(0, 2, "!"), Finish(0, "stop"))]))
        kinds = [event["type"].removeprefix("response.") for event in events if event.get("output_index") == 1]
        call = [f"image_generation_call.{phase}" for phase in ("in_progress", "generating", "completed")]
        assert kinds == ["output_item.added", *call, "output_item.done"]
        output = events[-1]["response"]["output"]
        assert [item["type"] for item in output] == ["message", "image_generation_call", "message"]
        assert (output[1]["result"], output[1]["status"]) == ("aW1n", "completed")
