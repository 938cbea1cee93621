"""OpenAI's formats of moderation, images and speech."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, BadRequestError, RateLimitedError, StreamBrokenError
from nova_core.types.audio import SpeechRequest
from nova_core.types.events import Frame, Piece, UsageUpdate
from nova_core.types.images import ImageRequest, ImagesReply
from nova_core.types.message import RawReply, Reply
from nova_core.types.moderation import ModerationReply, ModerationRequest
from nova_core.types.upstream import UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.body import parse_members
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_moderations import OPENAI_MODERATIONS
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.sse import SseParser

IMAGES_USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"text_tokens": 4, "image_tokens": 6},
    "output_tokens": 20,
    "total_tokens": 30,
}
SPOKEN = {"model": "m", "input": "hi", "voice": "v"}


def raw(members: dict[str, Any]) -> dict[str, Any]:
    return parse_members(json.dumps(members).encode())


@pytest.mark.parametrize(
    ("dialect", "members", "param"),
    [
        (OPENAI_MODERATIONS, {}, "input"),
        (OPENAI_MODERATIONS, {"input": []}, "input"),
        (OPENAI_MODERATIONS, {"input": 1}, "input"),
        (OPENAI_MODERATIONS, {"input": ["a", 1]}, "input[1]"),
        (OPENAI_MODERATIONS, {"input": "a", "model": 1}, "model"),
        (OPENAI_IMAGES, {}, "prompt"),
        (OPENAI_IMAGES, {"prompt": " "}, "prompt"),
        (OPENAI_IMAGES, {"prompt": "a", "n": 0}, "n"),
        (OPENAI_IMAGES, {"prompt": "a", "n": 1.5}, "n"),
        (OPENAI_IMAGES, {"prompt": "a", "size": 64}, "size"),
        (OPENAI_IMAGES, {"prompt": "a", "stream": "yes"}, "stream"),
        (OPENAI_SPEECH, {"input": "a", "voice": "v"}, "model"),
        (OPENAI_SPEECH, {"model": "m", "voice": "v"}, "input"),
        (OPENAI_SPEECH, {"model": "m", "input": "a"}, "voice"),
        (OPENAI_SPEECH, {**SPOKEN, "voice": 1}, "voice"),
        (OPENAI_SPEECH, {**SPOKEN, "speed": "fast"}, "speed"),
        (OPENAI_SPEECH, {**SPOKEN, "stream_format": "ogg"}, "stream_format"),
    ],
)
def test_what_a_request_needs_is_checked_first(dialect: Any, members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        dialect.check_request(raw(members))
    assert caught.value.param == param


texts = st.text(min_size=1).filter(str.strip)
maybe = st.one_of(st.none(), st.sampled_from(["a", "b"]))
counts = st.one_of(st.none(), st.integers(1, 100))
requests = st.one_of(
    st.builds(
        ImageRequest, model=texts, prompt=texts, n=counts, size=maybe, quality=maybe, style=maybe,
        response_format=maybe, background=maybe, output_format=maybe, compression=counts, moderation=maybe,
        partial_images=counts, stream=st.booleans(), user=maybe,
    ),
    st.builds(
        SpeechRequest, model=texts, input=texts, voice=st.sampled_from(["v", {"id": "v"}]), instructions=maybe,
        response_format=maybe, speed=counts, events=st.booleans(),
    ),
    st.builds(ModerationRequest, model=texts, input=st.tuples(texts), single=st.booleans()),
)  # fmt: skip


@given(requests)
def test_a_typed_request_says_the_same_after_the_wire(typed: Any) -> None:
    of = {ImageRequest: OPENAI_IMAGES, SpeechRequest: OPENAI_SPEECH, ModerationRequest: OPENAI_MODERATIONS}
    dialect: Any = of[type(typed)]
    members, fidelity = dialect.render_request(typed)
    assert dialect.parse_request(json.loads(json.dumps(members))) == typed
    assert not fidelity.notes


def test_fields_of_other_formats_are_lost_by_name_and_own_ones_kept() -> None:
    typed = ImageRequest("m", "p", extra={"other": {"seed": 1}, "openai_images": {"watermark": False}})
    members, fidelity = OPENAI_IMAGES.render_request(typed)
    assert members["watermark"] is False
    assert fidelity.lost == ("seed",)


def test_images_are_counted_and_so_are_their_tokens() -> None:
    members = {"created": 1, "data": [{"b64_json": "QQ=="}, {"url": "https://x.test"}], "usage": IMAGES_USAGE}
    reply = Reply("image_generation", OPENAI_IMAGES, raw(members))
    assert reply.usage == Usage(input=4, input_image=6, output_image=20, units=Units(images=2))
    typed = reply.typed
    assert isinstance(typed, ImagesReply)
    assert OPENAI_IMAGES.render_reply(typed) == members
    assert Reply("image_generation", OPENAI_IMAGES, raw({"data": []})).usage == Usage(units=Units())


def test_moderations_keep_every_category() -> None:
    result = {
        "flagged": True,
        "categories": {"violence": True, "illicit": None},
        "category_scores": {"violence": 0.9},
        "category_applied_input_types": {"violence": ["text"]},
        "more": 1,
    }
    members = {"id": "modr-1", "model": "m", "results": [result]}
    typed = OPENAI_MODERATIONS.parse_reply(members)
    assert isinstance(typed, ModerationReply)
    assert typed.results[0].flagged
    assert OPENAI_MODERATIONS.render_reply(typed) == members


@pytest.mark.parametrize(
    ("dialect", "members"),
    [
        (OPENAI_MODERATIONS, {"results": [{}]}),
        (OPENAI_MODERATIONS, {"data": []}),
        (OPENAI_IMAGES, {"data": [{"revised_prompt": "p"}]}),
        (OPENAI_IMAGES, {"data": [], "error": {"message": "no"}}),
        (OPENAI_SPEECH, {}),
    ],
)
def test_what_is_no_reply_is_the_upstreams_fault(dialect: Any, members: dict[str, Any]) -> None:
    with pytest.raises(BadGatewayError):
        dialect.parse_reply(members)


def test_json_instead_of_audio_is_an_error_that_says_what_the_upstream_says() -> None:
    with pytest.raises(BadGatewayError, match="no such voice"):
        OPENAI_SPEECH.check_reply(raw({"error": {"message": "no such voice"}}))


def event(kind: str, **members: Any) -> Frame:
    return Frame(json.dumps({"type": kind, **members}).encode(), kind)


LAST_IMAGE = event("image_generation.completed", b64_json="QQ==", usage=IMAGES_USAGE)
STREAMED = Usage(input=4, input_image=6, output_image=20, units=Units(images=1))


def test_a_stream_of_images_passes_as_it_came_and_is_counted() -> None:
    relay = OPENAI_IMAGES.relay(model="public")
    partial = event("image_generation.partial_image", b64_json="QQ==", partial_image_index=0)
    sent = b"".join(relay.relay(frame) for frame in (partial, Frame(b"[DONE]"), LAST_IMAGE)) + relay.end()
    assert SseParser().feed(sent) == [partial, LAST_IMAGE]
    assert relay.usage == STREAMED
    decoder = OPENAI_IMAGES.decoder()
    assert decoder.decode(partial) == (Piece(partial.data, partial.event),)
    assert decoder.decode(LAST_IMAGE) == (Piece(LAST_IMAGE.data, LAST_IMAGE.event), UsageUpdate(STREAMED))
    assert decoder.end() == ()


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        ([], StreamBrokenError),
        ([event("image_generation.partial_image")], StreamBrokenError),
        ([Frame(b"{nonsense")], StreamBrokenError),
        ([Frame(b"[1]")], StreamBrokenError),
        ([event("error", error={"message": "slow down", "code": "rate_limit_exceeded"})], RateLimitedError),
        ([Frame(b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}')], RateLimitedError),
    ],
)
def test_a_stream_that_is_not_finished_or_fails_never_ends_cleanly(frames: list[Frame], error: type[Exception]) -> None:
    relay, decoder = OPENAI_IMAGES.relay(model="m"), OPENAI_IMAGES.decoder()
    with pytest.raises(error):
        _ = [relay.relay(frame) for frame in frames], relay.end()
    with pytest.raises(error):
        _ = [decoder.decode(frame) for frame in frames], decoder.end()
    assert b'"type":"error"' in OPENAI_IMAGES.relay(model="m").fail(StreamBrokenError("cut"))


def test_a_whole_reply_can_be_told_as_a_stream() -> None:
    typed = OPENAI_IMAGES.parse_reply({"created": 1, "data": [{"b64_json": "QQ=="}], "usage": IMAGES_USAGE})
    encoder = OPENAI_IMAGES.encoder(model="m", include_usage=True)
    said = SseParser().feed(encoder.encode(OPENAI_IMAGES.events(typed)) + encoder.end())
    decoder = OPENAI_IMAGES.decoder()
    events = [decoded for frame in said for decoded in decoder.decode(frame)]
    assert events[-1] == UsageUpdate(STREAMED)
    assert json.loads(said[0].data)["created_at"] == 1


@given(st.lists(st.binary(min_size=1), min_size=1))
def test_bytes_of_speech_are_said_in_events_for_who_wants_events(pieces: list[bytes]) -> None:
    encoder = OPENAI_SPEECH.encoder(model="m", include_usage=True)
    said = b"".join(encoder.encode((Piece(piece),)) for piece in pieces)
    said += encoder.encode((UsageUpdate(Usage(input=3, output_audio=4)),)) + encoder.end()
    events = [json.loads(frame.data) for frame in SseParser().feed(said)]
    assert [base64.b64decode(each["audio"]) for each in events[:-1]] == pieces
    assert events[-1]["usage"] == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    relay = OPENAI_SPEECH.relay(model="m")
    assert b"".join(map(relay.relay, SseParser().feed(said))) == said
    assert relay.usage == Usage(input=3, output_audio=4)


def test_what_is_audio_is_known_by_its_type() -> None:
    audio = OPENAI_SPEECH.read_raw(UpstreamResponse(200, {"content-type": "audio/mpeg"}, b"ID3"))
    assert isinstance(audio, RawReply)
    assert (audio.encode(), audio.content_type, audio.operation) == (b"ID3", "audio/mpeg", "speech")
    assert OPENAI_SPEECH.read_raw(UpstreamResponse(200, {"content-type": "application/json"}, b"{}")) is None
    assert not OPENAI_SPEECH.is_content("text/html")
    assert OPENAI_SPEECH.usage_of_request(raw(SPOKEN)) == Usage(units=Units(characters=2))


def test_an_answer_that_is_no_json_has_no_members() -> None:
    audio = RawReply("speech", OPENAI_SPEECH, b"ID3", "audio/mpeg")
    assert audio.get("model") is None
    with pytest.raises(TypeError):
        audio.with_members({"model": "m"})
