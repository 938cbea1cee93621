"""Chat streams: vendors' frames into events, events into chunks, and both ways together."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from nova_core.errors import NovaError, RateLimitedError, ServiceUnavailableError, StreamBrokenError
from nova_core.types.chat import (
    ChatReply,
    Choice,
    Citation,
    Message,
    Opaque,
    Part,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
)
from nova_core.types.events import (
    CitationDelta,
    Event,
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
from nova_core.wire.assemble import assemble, disassemble
from nova_core.wire.openai_chat import OPENAI_CHAT, OpenAIChat
from nova_core.wire.sse import SseParser
from tests.wire import strategies as said

START = StreamStart("i", "upstream-name", 5)


def chunk(delta: Any = None, finish: str | None = None, *, index: int = 0, **members: Any) -> Frame:
    choice = {"index": index, "delta": {} if delta is None else delta, "finish_reason": finish}
    body = {"id": "i", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [choice], **members}
    return Frame(json.dumps(body).encode())


def call(index: int | None, arguments: str = "", call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
    item: dict[str, Any] = {"function": {"name": name, "arguments": arguments}, "id": call_id}
    return {"tool_calls": [item if index is None else {**item, "index": index, "type": "function"}]}


def decode(*frames: Frame) -> list[Event]:
    decoder = OPENAI_CHAT.decoder()
    events = [event for frame in frames for event in decoder.decode(frame)]
    return [*events, *decoder.end()]


def parts(*frames: Frame) -> tuple[Any, ...]:
    return assemble(decode(*frames)).choices[0].message.parts


def encoded(*events: Event, include_usage: bool = False) -> list[Any]:
    encoder = OPENAI_CHAT.encoder(model="public", include_usage=include_usage)
    body = b"".join([*(encoder.encode((event,)) for event in events), encoder.end()])
    frames = SseParser().feed(body)
    assert frames[-1].data == b"[DONE]"
    return [msgspec.json.decode(frame.data) for frame in frames[:-1]]


@given(said.replies, st.lists(st.integers(0, 5000), max_size=10), st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_a_streamed_reply_is_put_together_to_the_same_reply_however_its_bytes_are_split(
    reply: ChatReply, cuts: list[int], together: int
) -> None:
    encoder = OPENAI_CHAT.encoder(model=reply.model, include_usage=True)
    events = [event for group in disassemble(reply) for event in group]
    groups = [tuple(events[at : at + together]) for at in range(0, len(events), together)]
    body = b"".join([*map(encoder.encode, groups), encoder.end()])
    places = sorted({0, *(min(cut, len(body)) for cut in cuts), len(body)})
    parser, decoder = SseParser(), OPENAI_CHAT.decoder()
    frames = [frame for a, b in pairwise(places) for frame in parser.feed(body[a:b])]
    decoded = [event for frame in [*frames, *parser.end()] for event in decoder.decode(frame)]
    streamed = assemble([*decoded, *decoder.end()])
    whole = OPENAI_CHAT.parse_reply(msgspec.json.decode(msgspec.json.encode(OPENAI_CHAT.render_reply(reply))))
    assert streamed == whole == reply


@given(said.replies)
@settings(max_examples=50, deadline=None)
def test_the_official_client_understands_every_chunk(reply: ChatReply) -> None:
    # The client has no type for custom tool calls in a stream; it does not check either.
    assume(not any(isinstance(part, ToolCall) and part.custom for item in reply.choices for part in item.message.parts))
    chunks = [
        ChatCompletionChunk.model_validate(body)
        for body in encoded(*(event for group in disassemble(reply) for event in group), include_usage=True)
    ]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    contents = [item.delta.content or "" for chunk in chunks for item in chunk.choices if item.index == 0]
    assert "".join(contents) == reply.text
    assert (chunks[-1].usage is None) == (reply.usage is None)
    state = ChatCompletionStreamState()
    for chunk in chunks:
        list(state.handle_chunk(chunk))
    message = state.current_completion_snapshot.choices[0].message
    assert (message.content or "") == reply.text
    thoughts = [part for part in reply.choices[0].message.parts if isinstance(part, Thinking | RedactedThinking)]
    blocks = getattr(message, "thinking_blocks", None)
    assert blocks is None or len(blocks) <= len(thoughts)


def test_the_official_accumulator_keeps_apart_what_comes_in_several_pieces() -> None:
    first, second = ({"type": "new", "n": n} for n in (1, 2))
    web = {"type": "web_search_result_location", "url": "https://x", "title": "x"}
    chunks = encoded(
        START, ThinkingDelta(0, 0, "h"), SignatureDelta(0, 0, "s1"), RedactedThinkingBlock(0, 1, "r"),
        ThinkingDelta(0, 2, "m"), SignatureDelta(0, 2, "s2"), OpaqueBlock(0, 3, "other", first),
        OpaqueBlock(0, 4, "other", second), TextDelta(0, 5, "a"),
        *(CitationDelta(0, 5, Citation("other", web, url="https://x", title="x")) for _ in range(2)), Finish(0, "stop"),
    )  # fmt: skip
    state = ChatCompletionStreamState()
    for chunk in chunks:
        list(state.handle_chunk(ChatCompletionChunk.model_validate(chunk)))
    message = state.current_completion_snapshot.choices[0].message.to_dict()
    assert [(block.get("signature"), block.get("data")) for block in message["thinking_blocks"]] == [  # type: ignore[attr-defined]
        ("s1", None), (None, "r"), ("s2", None),
    ]  # fmt: skip
    assert [block["n"] for block in message["provider_specific_fields"]["blocks"]] == [1, 2]  # type: ignore[index]
    assert len(message["annotations"]) == 2  # type: ignore[arg-type]


def test_what_a_vendor_adds_to_a_tool_call_is_kept_in_a_stream() -> None:
    signed = {**call(0, "{}", "c", "f")["tool_calls"][0], "extra_content": {"google": {"thought_signature": "s"}}}
    extra = {"openai_chat": {"extra_content": {"google": {"thought_signature": "s"}}}}
    events = decode(chunk({"tool_calls": [signed]}), chunk(finish="tool_calls"), Frame(b"[DONE]"))
    assert ToolCallStart(0, 0, "c", "f", extra=extra) in events
    sent = [item["choices"][0]["delta"] for item in encoded(*events)]
    assert sent[0]["tool_calls"][0]["extra_content"] == signed["extra_content"]


def test_chunks_have_the_role_once_the_finish_alone_and_usage_last() -> None:
    body = encoded(
        START,
        TextDelta(0, 0, "a"),
        TextDelta(0, 0, "b"),
        UsageUpdate(Usage(input=1)),
        Finish(0, "stop"),
        include_usage=True,
    )
    assert [item["choices"][0]["delta"] for item in body[:3]] == [
        {"role": "assistant", "content": "a"},
        {"content": "b"},
        {},
    ]
    assert [item["choices"][0]["finish_reason"] for item in body[:3]] == [None, None, "stop"]
    assert [item["usage"] for item in body[:3]] == [None, None, None]
    assert (body[3]["choices"], body[3]["usage"]["prompt_tokens"]) == ([], 1)
    assert {(item["id"], item["created"], item["model"]) for item in body} == {("i", 5, "public")}


def test_usage_is_not_said_unless_asked_for() -> None:
    body = encoded(START, TextDelta(0, 0, "a"), UsageUpdate(Usage(input=1)), Finish(0, "stop"))
    assert all("usage" not in item and item["choices"] for item in body)


def test_a_stream_without_a_time_gets_one_time_for_all_chunks() -> None:
    ticks = iter([100.0, 200.0, 300.0])
    encoder = OpenAIChat(clock=lambda: next(ticks)).encoder(model="m", include_usage=False)
    body = encoder.encode((StreamStart("", "x"), TextDelta(0, 0, "a"))) + encoder.encode((TextDelta(0, 0, "b"),))
    chunks = [json.loads(frame.data) for frame in SseParser().feed(body)]
    assert [item["created"] for item in chunks] == [100, 100]
    assert len({item["id"] for item in chunks}) == 1


def test_tool_deltas_have_id_and_name_first_and_then_only_arguments() -> None:
    body = encoded(
        START, TextDelta(0, 0, "a"), ToolCallStart(0, 1, "c1", "f"), ToolArgumentsDelta(0, 1, "{}"),
        ToolCallStart(0, 2, "c2", "g"), ToolArgumentsDelta(0, 2, "[]"), Finish(0, "tool_calls"),
    )  # fmt: skip
    deltas = [item["choices"][0]["delta"] for item in body]
    assert deltas[1:5] == [
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "[]"}}]},
    ]


def test_a_signature_is_said_with_its_whole_thought_when_the_block_ends() -> None:
    body = encoded(
        START, ThinkingDelta(0, 0, "h"), ThinkingDelta(0, 0, "m"), SignatureDelta(0, 0, "s1"),
        SignatureDelta(0, 0, "s2"), TextDelta(0, 1, "a"), Finish(0, "stop"),
    )  # fmt: skip
    deltas = [item["choices"][0]["delta"] for item in body]
    assert deltas[2] == {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s1s2", "index": 0}]}
    assert [delta.get("reasoning_content") for delta in deltas[:2]] == ["h", "m"]


def test_citations_of_another_dialect_cover_their_block() -> None:
    web = Citation("anthropic_messages", {"type": "web"}, url="https://x", title="X")
    body = encoded(START, TextDelta(0, 0, "ab"), CitationDelta(0, 1, web), TextDelta(0, 1, "cde"), Finish(0, "stop"))
    found = [
        item["choices"][0]["delta"]["annotations"] for item in body if "annotations" in item["choices"][0]["delta"]
    ]
    assert found[0][0]["url_citation"] == {"start_index": 2, "end_index": 5, "title": "X", "url": "https://x"}


def test_a_broken_stream_ends_with_an_error_and_no_clean_end() -> None:
    encoder = OPENAI_CHAT.encoder(model="m", include_usage=False)
    encoder.encode((START, TextDelta(0, 0, "a")))
    frames = SseParser().feed(encoder.fail(StreamBrokenError("gone")))
    assert [json.loads(frame.data) for frame in frames] == [
        {
            "error": {
                "message": "gone",
                "type": "internal_server_error",
                "param": None,
                "code": "stream_interrupted",
            }
        }
    ]


def test_tool_calls_are_told_apart_however_a_vendor_numbers_them() -> None:
    expected = (ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", "[2]"))
    end = chunk(finish="tool_calls")
    numbered = parts(
        chunk(call(0, "", "c1", "f")), chunk(call(1, "", "c2", "g")), chunk(call(0, '{"a":1}')),
        chunk(call(1, "[2]")), end,
    )  # fmt: skip
    unnumbered = parts(
        chunk(call(None, '{"a"', "c1", "f")), chunk(call(None, ":1}")), chunk(call(None, "[2]", "c2", "g")), end
    )
    all_zero = parts(
        chunk(call(0, '{"a"', "c1", "f")), chunk(call(0, ":1}")), chunk(call(0, "[", "c2", "g")),
        chunk(call(0, "2]")), end,
    )  # fmt: skip
    first, second = call(None, '{"a":1}', "c1", "f"), call(None, "[2]", "c2", "g")
    at_once = parts(chunk({"tool_calls": [*first["tool_calls"], *second["tool_calls"]]}), end)
    id_repeated = parts(
        chunk(call(0, '{"a"', "c1", "f")), chunk(call(0, ":1}", "c1", "f")), chunk(call(1, "[2]", "c2", "g")), end
    )
    assert numbered == unnumbered == all_zero == at_once == id_repeated == expected


def test_a_call_waits_for_its_name_and_gets_an_id_if_it_has_none() -> None:
    found = parts(chunk(call(0, "", "c1")), chunk(call(0, "{", None, "f")), chunk(call(0, "}")), chunk(finish="stop"))
    assert found == (ToolCall("c1", "f", "{}"),)
    (nameless,) = parts(chunk(call(0, "{}", None, "f")), chunk(finish="tool_calls"))
    assert nameless.id.startswith("call_")


def test_the_deprecated_function_call_streams_as_a_tool_call() -> None:
    reply = assemble(
        decode(
            chunk({"function_call": {"name": "f", "arguments": ""}}),
            chunk({"function_call": {"arguments": "{}"}}),
            chunk(finish="function_call"),
        )
    )
    choice = reply.choices[0]
    assert [(part.name, part.arguments) for part in choice.message.parts if isinstance(part, ToolCall)] == [("f", "{}")]
    assert (choice.finish, choice.native_finish) == ("tool_calls", "function_call")


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_under_both_names_and_empty_content_does_not_break_it(name: str) -> None:
    found = parts(
        chunk({"role": "assistant", "content": "", name: "h"}),
        chunk({"content": None, name: "m"}),
        chunk({"content": "a", name: None}),
        chunk(finish="stop"),
    )
    assert found == (Thinking("hm"), Text("a"))


def test_reasoning_said_twice_is_heard_once() -> None:
    def both(text: str, signature: str | None = None) -> Frame:
        block = {"type": "thinking", "thinking": text, "signature": signature}
        return chunk({"reasoning_content": text, "thinking_blocks": [block]})

    redacted = chunk({"thinking_blocks": [{"type": "redacted_thinking", "data": "xx"}]})
    found = parts(both("h"), both("m"), both("", "s"), redacted, both("again", "t"), chunk(finish="stop"))
    assert found == (Thinking("hm", "s"), RedactedThinking("xx"), Thinking("again", "t"))


def test_usage_is_read_from_any_chunk_and_the_last_counts() -> None:
    frames = [
        chunk({"content": "a"}, usage={"prompt_tokens": 3, "completion_tokens": 1}),
        chunk(finish="stop", usage=None),
        Frame(b'{"id":"i","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"cost":0.5}}'),
        Frame(b"[DONE]"),
    ]
    reply = assemble(decode(*frames))
    assert reply.usage == Usage(input=3, output=2)
    assert reply.extra == {"openai_chat": {"usage": {"cost": 0.5}}}


def test_a_leading_frame_about_the_prompt_does_not_name_the_stream() -> None:
    about = Frame(b'{"id":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}')
    events = decode(about, chunk({"content": "a"}), chunk(finish="stop"))
    assert [event for event in events if isinstance(event, StreamStart)] == [StreamStart("i", "m", 5)]


def test_what_vendors_repeat_in_every_chunk_is_told_once() -> None:
    frames = [chunk({"content": word}, provider="X", obfuscation=word) for word in "abc"]
    reply = assemble(decode(*frames, chunk(finish="stop")))
    assert reply.extra == {"openai_chat": {"provider": "X"}}


def test_answers_keep_apart_by_index() -> None:
    frames = [chunk({"content": text}, index=index) for index, text in [(1, "x"), (0, "a"), (1, "y"), (0, "b")]]
    reply = assemble(decode(*frames, chunk(finish="stop", index=1), chunk(finish="length", index=0)))
    assert [(choice.index, choice.message.text, choice.finish) for choice in reply.choices] == [
        (0, "ab", "length"),
        (1, "xy", "stop"),
    ]


@pytest.mark.parametrize(
    ("frame", "kind", "quoted"),
    [
        (Frame(b'{"error":{"message":"slow down","type":"rate_limit_error","code":"429"}}'), RateLimitedError, "slow"),
        (Frame(b'{"error":{"message":"busy","type":"overloaded_error"}}'), ServiceUnavailableError, "busy"),
        (Frame(b'{"message":"no memory"}', "error"), NovaError, "no memory"),
        (Frame(b'{"object":"error","message":"no memory","code":500}'), NovaError, "no memory"),
        (Frame(b'{"error":"plain words"}'), NovaError, "plain words"),
        (Frame(b'{"id":"i","choi'), StreamBrokenError, "not JSON"),
        (Frame(b"<html>"), StreamBrokenError, "not JSON"),
        (Frame(b"[1]"), StreamBrokenError, "not an object"),
        (Frame(b'{"choices":[7]}'), StreamBrokenError, "not an object"),
        (Frame(b"[" * 100_000), StreamBrokenError, "not JSON"),
        (chunk({"content": "x"}, "error"), StreamBrokenError, "before its answer was complete"),
    ],
)
def test_errors_and_garbage_in_a_stream_are_raised(frame: Frame, kind: type[NovaError], quoted: str) -> None:
    decoder = OPENAI_CHAT.decoder()
    decoder.decode(chunk({"content": "a"}))
    with pytest.raises(kind, match=quoted):
        decoder.decode(frame)


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [Frame(b"[DONE]")],
        [chunk({"content": "a"})],
        [chunk({"content": "a"}), Frame(b"[DONE]")],
        [chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk(finish="stop")],
    ],
)
def test_a_stream_that_stops_before_its_finish_is_broken(frames: list[Frame]) -> None:
    decoder = OPENAI_CHAT.decoder()
    for frame in frames:
        decoder.decode(frame)
    with pytest.raises(StreamBrokenError, match="ended before"):
        decoder.end()


def test_a_finish_without_done_is_a_whole_answer_and_nothing_after_done_counts() -> None:
    assert parts(chunk({"content": "a"}, "stop")) == (Text("a"),)
    assert parts(chunk({"content": "a"}, "stop"), Frame(b" [DONE]"), Frame(b"garbage"), Frame(b"")) == (Text("a"),)


@pytest.mark.parametrize(
    "thought",
    [
        (Thinking("A"), Thinking("", "sig")),
        (Thinking("A"), RedactedThinking("data"), Thinking("B")),
        (Thinking("A", "one"), Thinking("B"), Thinking("C", "two")),
        (Thinking("A"), Text("So:"), Thinking("B", "two")),
    ],
)
def test_a_thought_without_a_signature_is_listed_beside_those_that_have_one(thought: tuple[Part, ...]) -> None:
    reply = ChatReply("id", "m", (Choice(0, Message("assistant", (*thought, Text("Yes."))), "stop"),))
    chunks = encoded(*(event for group in disassemble(reply) for event in group))
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    blocks = [block for delta in deltas for block in delta.get("thinking_blocks", ())]
    whole = OPENAI_CHAT.render_reply(reply)["choices"][0]["message"]["thinking_blocks"]
    assert blocks == [{**block, "index": place} for place, block in enumerate(whole)]
    assert parts(*(Frame(json.dumps(body).encode()) for body in chunks)) == (*thought, Text("Yes."))


def test_a_message_beside_the_deltas_is_no_news_and_one_without_them_is() -> None:
    def beside(delta: Any, message: Any, finish: str | None = None) -> Frame:
        body = {"id": "i", "choices": [{"index": 0, "delta": delta, "message": message, "finish_reason": finish}]}
        return Frame(json.dumps(body).encode())

    told = decode(beside({"content": "a"}, {"content": "a"}), beside({"content": "b"}, {"content": "ab"}, "stop"))
    assert [type(event) for event in told] == [StreamStart, TextDelta, TextDelta, Finish]
    assert parts(beside(None, {"content": "whole"}, "stop")) == (Text("whole"),)


def test_parts_of_streamed_content_that_are_no_text_are_kept_whole() -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    found = parts(chunk({"content": [{"type": "text", "text": "a"}, reference, "b"]}), chunk(finish="stop"))
    assert found == (Text("a"), Opaque("openai_chat", reference), Text("b"))
