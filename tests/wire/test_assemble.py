"""Folding events into a reply, and taking a reply apart."""

from __future__ import annotations

import time

from hypothesis import given, settings

from nova_core.types.chat import (
    Audio,
    ChatReply,
    Choice,
    Citation,
    Message,
    Opaque,
    RedactedThinking,
    Source,
    Text,
    Thinking,
    ToolCall,
)
from nova_core.types.events import (
    AudioDelta,
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    LogprobsDelta,
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
from tests.wire import strategies as said

START = StreamStart("i", "m", 7)


@given(said.replies)
@settings(deadline=None)
def test_a_reply_taken_apart_is_put_together_to_the_same_reply(reply: ChatReply) -> None:
    assert assemble(event for group in disassemble(reply) for event in group) == reply


def test_every_kind_of_block_keeps_its_place_and_its_pieces() -> None:
    cited = Citation("openai_chat", {"type": "url_citation"})
    events: list[Event] = [
        START,
        ThinkingDelta(0, 0, "h"),
        ThinkingDelta(0, 0, "m"),
        SignatureDelta(0, 0, "si"),
        SignatureDelta(0, 0, "g"),
        BlockStop(0, 0),
        RedactedThinkingBlock(0, 1, "xx"),
        TextDelta(0, 2, "a"),
        ToolCallStart(0, 3, "c1", "f"),
        ToolCallStart(0, 4, "c2", "g", custom=True),
        ToolArgumentsDelta(0, 4, "free"),
        ToolArgumentsDelta(0, 3, "{"),
        ToolArgumentsDelta(0, 3, "}"),
        TextDelta(0, 2, "b"),
        CitationDelta(0, 2, cited),
        AudioDelta(0, 5, id="au", data="AA"),
        AudioDelta(0, 5, data="BB", transcript="hi", expires_at=9),
        OpaqueBlock(0, 6, "anthropic_messages", {"type": "x"}),
        Finish(0, "tool_calls", "tool_use", "STOP"),
        UsageUpdate(Usage(input=1)),
        UsageUpdate(Usage(input=2)),
    ]
    message = Message(
        "assistant",
        (
            Thinking("hm", "sig"),
            RedactedThinking("xx"),
            Text("ab", citations=(cited,)),
            ToolCall("c1", "f", "{}"),
            ToolCall("c2", "g", "free", custom=True),
            Audio(Source(data="AABB"), id="au", transcript="hi", expires_at=9),
            Opaque("anthropic_messages", {"type": "x"}),
        ),
    )
    assert assemble(events) == ChatReply(
        "i", "m", (Choice(0, message, "tool_calls", "tool_use", "STOP"),), Usage(input=2), 7
    )


def test_a_stream_that_was_cut_off_has_no_finish() -> None:
    reply = assemble([START, TextDelta(0, 0, "par")])
    assert (reply.text, reply.choices[0].finish) == ("par", None)


def test_no_events_make_an_empty_reply() -> None:
    assert assemble([]) == ChatReply("", "", ())


def test_extras_and_logprobs_are_joined_without_touching_the_events() -> None:
    first, second = {"content": [1], "refusal": None}, {"content": [2], "refusal": None}
    extra = {"openai_chat": {"message": {"images": [1]}}}
    reply = assemble(
        [START, LogprobsDelta(0, first), LogprobsDelta(0, second), ExtraDelta(extra, 0), ExtraDelta(extra, 0)]
    )
    assert reply.choices[0].logprobs == {"content": [1, 2], "refusal": None}
    assert reply.choices[0].extra == {"openai_chat": {"message": {"images": [1, 1]}}}
    assert (first["content"], extra) == ([1], {"openai_chat": {"message": {"images": [1]}}})


def test_long_streams_take_time_in_proportion_to_their_length() -> None:
    def seconds(count: int) -> float:
        events: list[Event] = [START]
        for _ in range(count):
            events += [TextDelta(0, 0, "word "), LogprobsDelta(0, {"content": [{"token": "word"}]})]
        began = time.perf_counter()
        assert len(assemble(events).text) == 5 * count
        return time.perf_counter() - began

    assert min(seconds(20_000) for _ in range(3)) < 40 * min(seconds(2_000) for _ in range(3))
