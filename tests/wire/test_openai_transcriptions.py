"""Transcriptions: requests and replies both ways, streams cut anywhere, usage, subtitles."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, BadRequestError, NovaError, StreamBrokenError
from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.events import Event, Finish, Frame, Piece, TextDelta, UsageUpdate
from nova_core.types.message import RawReply, Reply
from nova_core.types.upload import File, InMemory
from nova_core.types.upstream import UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire import subtitles
from nova_core.wire.multipart import form_members, form_parts
from nova_core.wire.openai_image_edits import OPENAI_IMAGE_EDITS
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS, OPENAI_TRANSLATIONS

FILE = File("a.wav", "audio/wav", InMemory(b"abc"))
TEXTS = st.text(min_size=1, max_size=8)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "language": TEXTS,
            "prompt": TEXTS,
            "response_format": st.sampled_from(["json", "srt"]),
            "temperature": st.floats(0, 1),
            "timestamp_granularities": st.lists(st.sampled_from(["word", "segment"]), min_size=1, max_size=2).map(
                tuple
            ),
            "include": st.just(("logprobs",)),
            "stream": st.just(True),
        },
    )
)
def test_what_is_rendered_as_a_form_and_read_from_it_is_the_same_request(given_fields: dict[str, Any]):
    typed = TranscriptionRequest("m", FILE, **given_fields)
    members, fidelity = OPENAI_TRANSCRIPTIONS.render_request(typed)
    assert fidelity.notes == ()
    read = OPENAI_TRANSCRIPTIONS.from_form(form_parts(members))
    assert OPENAI_TRANSCRIPTIONS.parse_request(read) == typed
    translated, fidelity = OPENAI_TRANSLATIONS.render_request(typed)
    assert set(fidelity.lost) == given_fields.keys() - translated.keys()


def test_fields_that_are_not_known_are_kept_for_the_same_format_and_lost_in_others():
    members = {"model": "m", "file": FILE, "chunking_strategy": "auto"}
    typed = OPENAI_TRANSCRIPTIONS.parse_request(members)
    assert OPENAI_TRANSCRIPTIONS.render_request(typed)[0]["chunking_strategy"] == "auto"
    assert OPENAI_TRANSLATIONS.render_request(typed)[1].lost == ("chunking_strategy",)


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"type": "duration", "seconds": 12}, Usage(units=Units(input_seconds=12))),
        (
            {"type": "tokens", "input_tokens": 14, "input_token_details": {"audio_tokens": 10}, "output_tokens": 5},
            Usage(input=4, input_audio=10, output=5),
        ),
        ({"prompt_tokens": 4, "prompt_audio_seconds": "3"}, Usage(input=4, units=Units(input_seconds=3))),
        ({"seconds": True}, None),
        ("much", None),
    ],
)
def test_usage_is_seconds_or_tokens(usage, read):
    assert OPENAI_TRANSCRIPTIONS.usage_of({"text": "", "usage": usage}) == read
    assert OPENAI_TRANSCRIPTIONS.usage_of({"text": "", "duration": 7.5}) == Usage(units=Units(input_seconds=7.5))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-subrip", "text/vtt; charset=utf-8"])
def test_a_reply_that_is_no_json_passes_as_it_is(kind):
    reply = OPENAI_TRANSCRIPTIONS.read_raw(UpstreamResponse(200, {"content-type": kind}, b"hi"))
    assert isinstance(reply, RawReply)
    assert (reply.encode(), reply.content_type) == (b"hi", kind)
    assert OPENAI_TRANSCRIPTIONS.read_raw(UpstreamResponse(200, {"content-type": "application/json"}, b"{}")) is None
    with pytest.raises(BadGatewayError):
        OPENAI_TRANSCRIPTIONS.read_raw(UpstreamResponse(200, {"content-type": "text/html"}, b"<html>"))
    with pytest.raises(BadGatewayError):
        OPENAI_TRANSCRIPTIONS.check_reply({"error": {"message": "no"}})


def test_text_and_subtitles_are_made_of_what_is_known():
    words = [{"word": f"word{n}", "start": n * 0.5, "end": n * 0.5 + 0.4} for n in range(20)]
    lines = subtitles.cues(TranscriptionReply("", words=tuple(words)))
    assert [(start, end) for start, end, _ in lines] == [(0.0, 6.4), (6.5, 9.9)], "80 characters at most"
    segment = {"start": 3599.9995, "end": 3661.5, "text": " a --> b\n\n c "}
    whole = TranscriptionReply("x", segments=(segment,))
    assert subtitles.srt(whole) == "1\n01:00:00,000 --> 01:01:01,500\na -> b\nc\n"
    assert subtitles.vtt(whole) == "WEBVTT\n\n01:00:00.000 --> 01:01:01.500\na -> b\nc\n"
    plain = Reply("transcription", OPENAI_TRANSCRIPTIONS, {"text": "hi"})
    assert OPENAI_TRANSCRIPTIONS.said_as_asked(plain, {"response_format": "text"}).encode() == b"hi\n"
    assert OPENAI_TRANSCRIPTIONS.said_as_asked(plain, {"response_format": "json"}) is plain


def frame(**event: Any) -> Frame:
    return Frame(msgspec.json.encode(event))


SAID = [
    frame(type="transcript.text.delta", delta="hel"),
    frame(type="transcript.text.segment", text="hello", speaker="A"),
    frame(type="transcript.text.delta", delta="lo"),
    frame(type="transcript.text.done", text="hello", usage={"type": "duration", "seconds": 2}),
]


def test_a_stream_is_decoded_encoded_and_relayed():
    decoder, encoder = OPENAI_TRANSCRIPTIONS.decoder(), OPENAI_TRANSCRIPTIONS.encoder(model="m", include_usage=False)
    events: list[Event] = [event for each in SAID for event in decoder.decode(each)]
    assert decoder.end() == ()
    assert events[0] == TextDelta(0, 0, "hel")
    assert isinstance(events[1], Piece)
    assert events[-2:] == [UsageUpdate(Usage(units=Units(input_seconds=2))), Finish(0, "stop")]
    said = b"".join(encoder.encode((event,)) for event in events) + encoder.end()
    assert said.count(b"transcript.text.delta") == 2
    assert b'"text":"hello","usage":{"type":"duration","seconds":2.0}' in said
    relay = OPENAI_TRANSCRIPTIONS.relay(model="m")
    assert [relay.relay(each) for each in SAID] == [b"data: %b\n\n" % each.data for each in SAID]
    assert relay.end() == b""
    assert relay.usage == Usage(units=Units(input_seconds=2))


def test_a_stream_that_is_not_done_or_reports_an_error_is_broken():
    for reader in (OPENAI_TRANSCRIPTIONS.decoder(), OPENAI_TRANSCRIPTIONS.relay(model="m")):
        step = getattr(reader, "decode", None) or reader.relay
        step(SAID[0])
        with pytest.raises(StreamBrokenError):
            reader.end()
        with pytest.raises(NovaError, match="too loud"):
            step(frame(error={"message": "too loud"}))


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({}, "prompt"),
        ({"prompt": " ", "image": FILE}, "prompt"),
        ({"prompt": "x"}, "image"),
        ({"prompt": "x", "image": "text"}, "image"),
        ({"prompt": "x", "image": [FILE, "text"]}, "image"),
        ({"prompt": "x", "image": FILE, "mask": [FILE, FILE]}, "mask"),
        ({"prompt": "x", "image": FILE, "n": "two"}, "n"),
        ({"prompt": "x", "image": FILE, "n": "1000"}, "n"),
    ],
    ids=str,
)
def test_what_is_wrong_with_an_image_edit_is_named(members, param):
    with pytest.raises(BadRequestError) as wrong:
        OPENAI_IMAGE_EDITS.check_request(members)
    assert wrong.value.param == param


def test_an_image_edit_is_the_same_after_a_form():
    fields = {"model": "m", "prompt": "x", "n": "2", "size": "auto", "output_compression": "50", "extra": "kept"}
    members = OPENAI_IMAGE_EDITS.from_form([*fields.items(), ("image[]", FILE), ("image[]", FILE), ("mask", FILE)])
    typed: Any = OPENAI_IMAGE_EDITS.parse_request(members)
    assert (typed.n, typed.compression, len(typed.images), typed.mask) == (2, 50, 2, FILE)
    rendered, fidelity = OPENAI_IMAGE_EDITS.render_request(typed)
    assert fidelity.notes == ()
    again = form_members(form_parts(rendered))
    assert OPENAI_IMAGE_EDITS.parse_request(again) == typed
