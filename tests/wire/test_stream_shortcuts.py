"""What streams do the short way is what they would do the long way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nova_core.types.chat import Citation
from nova_core.types.dialect import Dialect
from nova_core.types.events import (
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    Frame,
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
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.decoder import ChatDecoder
from nova_core.wire.sse import SseParser, sse_bytes

NAMES = ["up", "public", 'my "up"', "\u00fcp", "a/b"]
USAGE = {"prompt_tokens": 1, "completion_tokens": 2}


def spelled(key: str, escaped: bool) -> str:
    """A key as JSON, perhaps with its first letter as an escape."""
    return f'"\\u{ord(key[0]):04X}{key[1:]}"' if escaped else json.dumps(key)


@st.composite
def objects(draw: st.DrawFn, depth: int = 1) -> str:
    """JSON of a chunk: members in any order, some of them twice, spelled and spaced in any way."""
    names = st.sampled_from(["model", "usage", "choices", "id", "x"] if depth else ["model", "usage", "content", "x"])
    members = []
    for name in draw(st.lists(names, max_size=6)):
        key = spelled(name, draw(st.booleans()) and draw(st.booleans()))
        members.append(f"{draw(spaces)}{key}{draw(spaces)}:{draw(spaces)}{draw(values(name, depth))}")
    return "{" + ",".join(members) + draw(spaces) + "}"


def values(name: str, depth: int) -> st.SearchStrategy[str]:
    """JSON of a member's value."""
    match name:
        case "choices":
            delta = objects(0).map(lambda inner: f'[{{"index":0,"delta":{inner},"finish_reason":null}}]')
            return delta | st.sampled_from(["[]", "null", '[{"delta":{"reasoning":"r"}}]'])
        case "usage":
            return st.sampled_from(["null", "null", json.dumps(USAGE)])
        case "model":
            return st.sampled_from([*(json.dumps(each) for each in NAMES), '"a\\/b"', '"\\u0075p"', "null", "7"])
    inner = objects(0) if depth else st.nothing()
    return inner | st.sampled_from(
        ['"model"', '",\\"usage\\":null"', '"\\"model\\":\\"up\\""', '"caf\u00e9\\n"', "1.50"]
    )


spaces = st.sampled_from(["", "", "", " ", "\t "])


def expected(data: str, hides: bool) -> dict[str, Any] | None:
    """What becomes of a chunk, by the book; None where it is left out."""
    chunk: dict[str, Any] = json.loads(data)
    if "model" in chunk:
        chunk["model"] = "public"
    for choice in chunk.get("choices") or []:
        delta = choice.get("delta", {})
        if "reasoning" in delta:
            delta["reasoning_content"] = delta.pop("reasoning")
    if hides and "usage" in chunk and chunk.pop("usage") is not None and chunk.get("choices") == []:
        return None
    return chunk


@given(st.lists(objects(), min_size=1, max_size=4), st.booleans())
@example(['{"model":"up","x":"model"}', '{"model":"up","model":"up"}'], False)
@example(['{"model":"up"}', '{"x":{"model":"up"},"\\u006dodel":"up"}'], False)
@example(['{"choices":[{"delta":{"usage":null}}],"\\u0075sage":null}'], True)
@example(['{"usage":{"prompt_tokens":1},"usage":null}'], True)
@example(['{"model":"up","model":"public","usage":null}'], True)
@settings(max_examples=400, deadline=None)
def test_a_relay_changes_what_it_must_however_a_chunk_is_written(frames: list[str], hides: bool) -> None:
    relay = OPENAI_CHAT.relay(model="public", hide_usage=hides)
    for data in frames:
        sent = SseParser().feed(relay.relay(Frame(data.encode())))
        wanted = expected(data, hides)
        assert [json.loads(frame.data) for frame in sent] == ([] if wanted is None else [wanted])
        if wanted is not None and wanted != json.loads(data):
            names = [name for name, _ in json.loads(sent[0].data, object_pairs_hook=list)]
            assert names.count("model") == ("model" in wanted)
            assert not hides or "usage" not in names


lines = st.sampled_from(
    [
        *(b"data: {}", b"data:x", b"data: ", b"data", b"data: a\xc3\xa9", b"event: e", b"event:", b"event: \xff"),
        *(b": ping", b"id: 1", b'{"error":1}', b"", b"", b"retry: data: x", b"event: data: y"),
    ]
)


@given(st.lists(st.lists(lines, max_size=4), max_size=6))
def test_events_that_come_whole_are_read_as_those_that_come_in_bytes(events: list[list[bytes]]) -> None:
    bodies = [b"".join(line + b"\n" for line in event) + b"\n" for event in events]
    whole, bytewise = SseParser(), SseParser()
    found = [frame for body in bodies for frame in whole.feed(body)] + whole.end()
    once = SseParser()
    at_once = [*once.feed(b"data: first\n\n"), *once.feed(b"".join(bodies)), *once.end()][1:]
    wanted = [frame for byte in b"".join(bodies) for frame in bytewise.feed(bytes([byte]))] + bytewise.end()
    assert found == at_once == wanted


class LongDecoder(ChatDecoder):
    """Decodes every chunk in full."""

    def _plain(self, frame: Frame) -> None:
        return None


deltas = st.fixed_dictionaries(
    {},
    optional={
        "content": st.sampled_from([None, "", "a", "\u00e9\n"]),
        "reasoning_content": st.sampled_from([None, "", "hm"]),
        "reasoning": st.sampled_from([None, "hm"]),
        "role": st.sampled_from([None, "assistant"]),
        "refusal": st.sampled_from([None, "no"]),
        "tool_calls": st.sampled_from([None, [], [{"index": 0, "id": "t", "function": {"name": "f"}}]]),
        "new": st.sampled_from([None, 1]),
    },
)
choices = st.fixed_dictionaries(
    {"delta": deltas},
    optional={
        "index": st.sampled_from([0, 0, 0, 1, None]),
        "logprobs": st.sampled_from([None, {"content": []}]),
        "finish_reason": st.sampled_from([None, None, "stop"]),
        "stop_reason": st.none(),
    },
)
chunks = st.fixed_dictionaries(
    {"choices": st.lists(choices, min_size=1, max_size=1) | st.lists(choices, max_size=2)},
    optional={
        "id": st.just("c"),
        "model": st.just("up"),
        "usage": st.sampled_from([None, None, USAGE]),
        "obfuscation": st.just("xx"),
        "provider": st.just("p"),
    },
)


@given(st.lists(chunks, min_size=1, max_size=8))
@example([{"choices": [{"index": 0, "delta": {"content": "a", "new": 1}}]}])
@example([{"choices": [{"index": 0, "delta": {"content": "a"}, "new": 1}]}])
@example([{"choices": [{"index": 0, "delta": {"content": "a"}}], "new": 1}])
@example([{"choices": [{"index": 0, "delta": {"content": "a", "tool_calls": [{"function": {"name": "f"}}]}}]}])
@settings(max_examples=300, deadline=None)
def test_chunks_of_text_alone_are_decoded_as_any_others(said_chunks: list[dict[str, Any]]) -> None:
    begin = {"id": "c", "choices": [{"index": 0, "delta": {"content": "."}}]}
    short, long = ChatDecoder(), LongDecoder()
    for chunk in (begin, begin, *said_chunks):
        frame = Frame(json.dumps(chunk).encode())
        found, wanted = short.decode(frame), long.decode(frame)
        assert [_plain(event) for event in found] == [_plain(event) for event in wanted]


def _plain(event: Event) -> Event | str:
    """Without the ids that are made up."""
    return repr(event).partition("id=")[0] if "ToolCallStart" in repr(event) else event


moments = st.sampled_from(
    [
        *(TextDelta(0, 0, "a"), TextDelta(0, 0, "bc"), TextDelta(0, 2, "d"), TextDelta(1, 0, "e"), TextDelta(0, 0, "")),
        *(ThinkingDelta(0, 1, "hm"), SignatureDelta(0, 1, "s"), RefusalDelta(0, 3, "no")),
        CitationDelta(0, 0, Citation("anthropic_messages", {"type": "x"}, "https://a.example")),
        *(
            ExtraDelta({"openai_chat": {"v": 1}}),
            ExtraDelta({"openai_chat": {"w": 1}}, 0),
            UsageUpdate(Usage(output=1)),
        ),
        *(ToolCallStart(0, 4, "t", "f"), ToolArgumentsDelta(0, 4, "{"), ToolArgumentsDelta(0, 4, "}"), BlockStop(0, 0)),
    ]
)


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, ANTHROPIC_MESSAGES], ids=lambda dialect: dialect.name)
@given(told=st.lists(moments, max_size=10))
@settings(max_examples=300, deadline=None)
def test_events_one_by_one_are_encoded_as_all_together(dialect: Dialect, told: list[Event]) -> None:
    begin, rest = (StreamStart("id", "up", 1), TextDelta(0, 0, ".")), (*told, Finish(0, "stop"))
    alone, together = (dialect.encoder(model="m", include_usage=True) for _ in range(2))
    assert alone.encode(begin) == together.encode(begin)
    one_by_one = b"".join(alone.encode((event,)) for event in rest) + alone.end()
    assert one_by_one == together.encode(rest) + together.end()


def test_a_frame_of_one_line_is_written_as_it_is() -> None:
    assert sse_bytes(Frame(b"{}")) == b"data: {}\n\n"
