"""Streams of every format, spoilt: no crash, no hang, and no clean end that leaves something out.

`NOVA_FUZZ` is how many times as many examples are tried.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.types.chat import ChatReply, ToolCall
from nova_core.types.events import OpaqueBlock
from tests.matrix.streams import CALLERS, Streamed, document_of, paths_in, readers, streams, with_value

TIMES = int(os.environ.get("NOVA_FUZZ", "1"))
HUGE = "\u0001huge\u0001"
NASTY: list[Any] = [
    None, True, False, -1, 0, 2, 2**53, 2**63, 2**64, -(2**63) - 1, 1.5, 1e308, "", "x", "0", "\u0000", "é" * 50,
    [], {}, [None], [[]], [{}], {"": None}, {"text": 1}, [1, "a", None], "[DONE]", "error", HUGE,
]  # fmt: skip
NUMBERS = (b"1e999", b"-1e999", b"9" * 400, b"0.1e-999")
"""JSON numbers that no type holds."""
GARBAGE = [
    b"data: {\n\n", b"data: nonsense\n\n", b"data: []\n\n", b"data: null\n\n", b'data: "text"\n\n', b"data: 17\n\n",
    b"data: \xff\xfe\n\n", b'data: {"a":"\xc3\x28"}\n\n', b"{]\n", b"nonsense\n", b"\xff\xff\n", b"<html>\n",
    b"\x00" * 16, b"\x00\x00\x00\x10\x00\x00\x00\x00" + b"\x00" * 8, b"event: error\ndata: {}\n\n", b'{"error":{}}\n',
    b"[", b"]", b",", b"data: " + b"[" * 5000 + b"\n\n", b"\r", b"\n\n", b": a comment\n\n", b":", b"id:",
]  # fmt: skip


def budget(examples: int) -> settings:
    return settings(
        max_examples=examples * TIMES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )


every_stream = pytest.mark.parametrize("name", sorted(streams()))


def cuts(whole: bytes) -> list[int]:
    """Places to cut: near the end all of them, and everywhere when more is tried."""
    step = 11 if TIMES == 1 else 1
    return sorted({*range(1, len(whole), step), *range(max(1, len(whole) - 120), len(whole))})


def holds_texts(stream: Streamed) -> bool:
    """Whether its pieces are texts, in which nothing can be wrong, and no JSON."""
    first = document_of(stream.pieces[0])
    return first is None or not isinstance(first.value, dict | list)


def meaning(reply: ChatReply) -> ChatReply:
    """What must not be left out: all but what comes after the end (usage) or is made up (ids and times)."""
    choices = []
    for choice in reply.choices:
        parts = tuple(replace(part, id="") if isinstance(part, ToolCall) else part for part in choice.message.parts)
        choices.append(replace(choice, message=replace(choice.message, parts=parts)))
    return replace(reply, id="", created=None, usage=None, extra={}, choices=tuple(choices))


def expect_errors_only(stream: Streamed, data: list[bytes]) -> ChatReply | None:
    """Read and relay and encode for every caller; nothing but NovaError may be raised. None for a broken stream."""
    with suppress(NovaError):
        stream.relayed(data)
    parser, decoder = stream.parser(), stream.dialect.decoder()
    encoders = [dialect.encoder(model="public", include_usage=True) for dialect in CALLERS.values()]
    told = []
    try:
        frames = [frame for piece in data for frame in parser.feed(piece)] + parser.end()
        for frame in frames:
            events = decoder.decode(frame)
            told += events
            for encoder in encoders:
                encoder.encode(events)
        told += (last := decoder.end())
        for encoder in encoders:
            encoder.encode(last)
            encoder.end()
    except NovaError as error:
        failed = [encoder.fail(error) for encoder in encoders]
    else:
        failed = []
    if failed:
        assert all(failed)
        return None
    found: ChatReply = stream.reply(data)
    for dialect in CALLERS.values():
        dialect.render_reply(found)
    return found


@every_stream
def test_a_stream_may_be_split_at_every_byte(name: str) -> None:
    stream = streams()[name]
    whole = b"".join(stream.pieces)
    expected = meaning(stream.reply([whole]))
    assert meaning(stream.reply([bytes([byte]) for byte in whole])) == expected
    for at in cuts(whole):
        assert meaning(stream.reply([whole[:at], whole[at:]])) == expected


@every_stream
def test_a_stream_that_ends_early_has_no_clean_end(name: str) -> None:
    stream = streams()[name]
    whole = b"".join(stream.pieces)
    expected = meaning(stream.reply([whole]))
    for at in cuts(whole):
        try:
            found = stream.reply([whole[:at]])
        except NovaError:
            continue
        assert meaning(found) == expected, f"a clean end after {at} of {len(whole)} bytes"


@every_stream
def test_an_upstream_that_says_nothing_has_not_answered(name: str) -> None:
    with pytest.raises(StreamBrokenError):
        streams()[name].read([])


@every_stream
def test_frames_may_come_twice_late_or_never(name: str) -> None:
    stream = streams()[name]

    @budget(40)
    @given(st.data())
    def tried(data: st.DataObject) -> None:
        pieces = list(stream.pieces)
        for _ in range(data.draw(st.integers(1, 3))):
            place, other = (data.draw(st.integers(0, len(pieces) - 1)) for _ in range(2))
            match data.draw(st.sampled_from(["twice", "swapped", "gone", "merged"])):
                case "twice":
                    pieces.insert(other, pieces[place])
                case "swapped":
                    pieces[place], pieces[other] = pieces[other], pieces[place]
                case "gone" if len(pieces) > 1:
                    del pieces[place]
                case "merged":
                    pieces[place : place + 2] = [b"".join(pieces[place : place + 2])]
        expect_errors_only(stream, pieces)

    tried()


@every_stream
def test_garbage_between_frames_is_an_error_or_changes_nothing(name: str) -> None:
    stream = streams()[name]
    expected = meaning(stream.reply(stream.pieces))

    @budget(40)
    @given(st.sampled_from(GARBAGE) | st.binary(min_size=1, max_size=40), st.integers(0, len(stream.pieces) - 2))
    def tried(garbage: bytes, place: int) -> None:
        # In an event stream what shares a line with a field's name is the field's name, and what shares an event
        # with a text is a part of the text.
        line = b"\n" if stream.pieces[0].startswith((b"data:", b"event:")) else b""
        line += b"\n" if holds_texts(stream) else b""
        pieces = [*stream.pieces[:place], garbage + line, *stream.pieces[place:]]
        found = expect_errors_only(stream, pieces)
        assert found is None or meaning(found) == expected

    tried()


@every_stream
def test_a_byte_may_be_another_one(name: str) -> None:
    stream = streams()[name]
    whole = b"".join(stream.pieces)

    @budget(40)
    @given(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=3))
    def tried(changes: list[tuple[int, int]]) -> None:
        changed = bytearray(whole)
        for place, byte in changes:
            changed[place] = byte
        expect_errors_only(stream, [bytes(changed)])

    tried()


@every_stream
def test_a_value_may_be_of_any_kind_and_size(name: str) -> None:
    stream = streams()[name]
    documents = {place: found for place, piece in enumerate(stream.pieces) if (found := document_of(piece))}
    places = [(place, path) for place, document in documents.items() for path in paths_in(document.value)]
    if holds_texts(stream):
        pytest.skip("its pieces are texts")
    assert len(places) > 30

    @budget(100)
    @given(st.sampled_from(places), st.sampled_from(NASTY), st.sampled_from(NUMBERS))
    def tried(where: tuple[int, tuple[Any, ...]], value: Any, number: bytes) -> None:
        place, path = where
        document = documents[place]
        changed = msgspec.json.encode(with_value(document.value, path, value))
        changed = changed.replace(msgspec.json.encode(HUGE), number)
        expect_errors_only(stream, [*stream.pieces[:place], document.framed(changed), *stream.pieces[place + 1 :]])

    tried()


def test_no_reader_falls_over_what_another_vendor_says() -> None:
    pieces = [piece for stream in streams().values() for piece in stream.pieces]
    documents = [found for piece in pieces if (found := document_of(piece))]
    assert len(documents) > 100
    assert len(readers()) > 30

    @budget(300)
    @given(st.data())
    def tried(data: st.DataObject) -> None:
        reader = readers()[data.draw(st.sampled_from(sorted(readers())))]
        said = data.draw(st.lists(st.sampled_from(pieces + GARBAGE), max_size=6))
        document = data.draw(st.sampled_from(documents))
        path = data.draw(st.sampled_from(list(paths_in(document.value))))
        changed = msgspec.json.encode(with_value(document.value, path, data.draw(st.sampled_from(NASTY))))
        spoilt = [*said, document.framed(changed)]
        for read in (reader.relayed, reader.reply):
            with suppress(NovaError):
                read(spoilt)

    tried()
    for reader in readers().values():
        with pytest.raises(NovaError):
            reader.reply([])


@pytest.mark.parametrize(
    ("wire", "path", "value"),
    [
        ("anthropic_messages of anthropic", ("content_block",), []),
        ("anthropic_messages of anthropic", ("content_block", "type"), None),
        ("anthropic_messages of anthropic", ("content_block", "thinking"), True),
        ("anthropic_messages of anthropic", ("content_block", "id"), 7),
        ("converse of bedrock", ("start",), True),
        ("converse of bedrock", ("start", "toolUse", "name"), [1]),
        ("cohere of cohere", ("delta", "message", "tool_calls"), []),
    ],
)
def test_a_frame_of_another_shape_breaks_its_stream(wire: str, path: tuple[Any, ...], value: Any) -> None:
    (stream,) = [each for name, each in streams().items() if name.startswith(f"{wire} by ")]
    documents = [(place, document_of(piece)) for place, piece in enumerate(stream.pieces)]
    found = [(place, document) for place, document in documents if document and path in set(paths_in(document.value))]
    place, document = found[-1]
    changed = document.framed(msgspec.json.encode(with_value(document.value, path, value)))
    with pytest.raises(StreamBrokenError):
        stream.read([*stream.pieces[:place], changed, *stream.pieces[place + 1 :]])


@pytest.mark.parametrize("wire", ["cohere of cohere", "ollama of ollama", "openai_chat of mistral"])
def test_bytes_that_are_no_text_break_a_stream(wire: str) -> None:
    (stream,) = [found for name, found in streams().items() if name.startswith(f"{wire} by ")]
    with pytest.raises(StreamBrokenError):
        stream.read([stream.pieces[0], stream.pieces[1].replace(b'"', b'"\x80', 1)])


def test_an_event_stream_holds_nothing_but_fields_and_comments() -> None:
    (stream,) = [found for name, found in streams().items() if name.startswith("openai_chat of openai by ")]
    for line in (b"[", b"<html>", b"\xff\xfe", b"]data: {}"):
        with pytest.raises(StreamBrokenError, match="no field"):
            stream.read([*stream.pieces[:3], line + b"\n", *stream.pieces[3:]])
    for line in (b": ping", b"id: 7", b"retry: 10", b"x-vendor: 1", b"  ", b"[DONE]"):
        assert stream.read([*stream.pieces[:3], line + b"\n", *stream.pieces[3:]]) == stream.read(stream.pieces)


def test_ids_and_log_probabilities_of_another_kind_do_no_harm() -> None:
    (stream,) = [found for name, found in streams().items() if name.startswith("openai_responses of openai by ")]
    for place, piece in enumerate(stream.pieces):
        document = document_of(piece)
        assert document is not None
        for path, value in ((("response", "id"), True), (("logprobs",), True), (("logprobs",), [1])):
            if path in set(paths_in(document.value)):
                changed = document.framed(msgspec.json.encode(with_value(document.value, path, value)))
                expect_errors_only(stream, [*stream.pieces[:place], changed, *stream.pieces[place + 1 :]])


def test_an_unknown_start_of_a_block_is_kept_whole() -> None:
    (stream,) = [found for name, found in streams().items() if name.startswith("converse of bedrock by ")]
    place = next(at for at, piece in enumerate(stream.pieces) if b"contentBlockStart" in piece)
    begun = document_of(stream.pieces[place])
    assert begun is not None
    start = {**begun.value, "contentBlockIndex": 9, "start": {"image": {"format": "png"}}}
    pieces = [*stream.pieces[:place], begun.framed(msgspec.json.encode(start)), *stream.pieces[place:]]
    raw = [event.raw for event in stream.read(pieces) if isinstance(event, OpaqueBlock)]
    assert raw == [{"image": {"format": "png"}}]
