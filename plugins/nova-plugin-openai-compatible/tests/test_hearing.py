"""Vendors that transcribe: where, under which names of models, and what they say was used."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import nova_plugin_openai_compatible as pack
from nova_core.errors import StreamBrokenError, UnsupportedParamsError
from nova_core.gateway.relay import chunks_of
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, transcription_request
from nova_core.types.audio import TranscriptionReply
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.events import Event, Finish, TextDelta, UsageUpdate
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.secret import Secret
from nova_core.types.upload import File, InMemory
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_plugin_openai_compatible.hearing import format_of


def deployment(vendor: str, model: str, base: str | None = None) -> Deployment:
    given = Deployment("d", "heard", vendor, model, api_base=base, api_key=Secret("key"))
    return getattr(pack, vendor).complete(given, {})


@pytest.mark.parametrize(
    ("vendor", "model", "url"),
    [
        ("groq", "whisper-large-v3", "https://api.groq.com/openai/v1/audio/transcriptions"),
        ("mistral", "voxtral-mini-latest", "https://api.mistral.ai/v1/audio/transcriptions"),
        ("xai", "any", "https://api.x.ai/v1/stt"),
        (
            "fireworks_ai",
            "whisper-v3",
            "https://audio-prod.us-virginia-1.direct.fireworks.ai/v1/audio/transcriptions",
        ),
        ("together_ai", "openai/whisper-large-v3", "https://api.together.ai/v1/audio/transcriptions"),
    ],
)
def test_a_form_goes_to_the_vendors_address_with_its_key(vendor, model, url):
    request = transcription_request("heard")
    exchange = getattr(pack, vendor).provider_call(Call(request), request, deployment(vendor, model))
    headers = {name.lower(): value for name, value in exchange.request.headers}
    assert (exchange.request.url, headers["authorization"]) == (url, "Bearer key")
    assert headers["content-type"].startswith("multipart/form-data; boundary=")


async def test_the_file_and_the_model_are_sent_and_usage_in_the_words_of_chat_is_read(upstream: ScriptedUpstream):
    stated = {"prompt_audio_seconds": 203, "prompt_tokens": 4, "completion_tokens": 635, "total_tokens": 3264}
    upstream.script("voxtral-mini-latest", json={"text": "hello", "model": "voxtral", "usage": stated})
    async with bench(pack.mistral, deployment("mistral", "voxtral-mini-latest", upstream.url)) as at:
        reply = await at.ask(transcription_request("heard", b"abc", language="en"))
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, TranscriptionReply)
    assert reply.typed.text == "hello"
    assert reply.usage == Usage(input=4, output=635, units=Units(input_seconds=203))
    assert upstream.last.members == {"model": "voxtral-mini-latest", "language": "en"}
    assert upstream.last.form[-1].content == b"abc"


SEGMENT = {"type": "transcription_segment", "text": " hello", "start": 0.5, "end": 1.5, "speaker_id": "s1"}


async def test_forms_that_are_not_openais_are_written_and_read(upstream: ScriptedUpstream):
    words = [{"text": "hello", "start": 0.1, "end": 0.5, "speaker": 2}]
    upstream.script("/stt", json={"text": "hello", "language": "", "duration": 3.5, "words": words})
    upstream.script(
        "voxtral", json={"text": "hello", "model": "m", "language": None, "segments": [SEGMENT], "usage": {}}
    )
    diarized = transcription_request("heard", language="en", response_format="diarized_json")
    async with bench(pack.xai, deployment("xai", "any", upstream.url)) as at:
        spoken = await at.ask(diarized)
        assert upstream.last.members == {"language": "en", "format": "true", "diarize": "true"}
    async with bench(pack.mistral, deployment("mistral", "voxtral", upstream.url)) as at:
        told = await at.ask(diarized)
        asked = {"model": "voxtral", "language": "en", "timestamp_granularities": "segment", "diarize": "true"}
        assert upstream.last.members == asked
    assert isinstance(spoken, Reply)
    assert isinstance(told, Reply)
    assert spoken.typed == TranscriptionReply(
        "hello", duration=3.5, words=({"word": "hello", "start": 0.1, "end": 0.5, "speaker": "2"},)
    )
    assert spoken.usage == Usage(units=Units(input_seconds=3.5))
    segment = {"id": 0, "start": 0.5, "end": 1.5, "text": " hello", "speaker": "s1"}
    assert told.typed == TranscriptionReply("hello", segments=(segment,))


@pytest.mark.parametrize(("vendor", "lost"), [("xai", {"temperature": 0.5}), ("mistral", {"include": ["logprobs"]})])
async def test_what_such_a_form_has_no_field_for_is_refused(
    upstream: ScriptedUpstream, vendor: str, lost: dict[str, Any]
):
    upstream.script("/stt", json={"text": "hello"}).script("m", json={"text": "hello"})
    async with bench(getattr(pack, vendor), deployment(vendor, "m", upstream.url)) as at:
        with pytest.raises(UnsupportedParamsError) as refused:
            await at.ask(transcription_request("heard", **lost))
        assert refused.value.param == next(iter(lost))
        with pytest.raises(UnsupportedParamsError, match="surprise"):
            await at.ask(transcription_request("heard", surprise="1"))
        await at.ask(transcription_request("heard", prompt="names: Ada"))
        assert at.call is not None
        assert at.call.fidelity.dropped == ("prompt",)


async def test_mistrals_streams_are_told_as_openais(upstream: ScriptedUpstream):
    usage = {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10, "prompt_audio_seconds": 2}
    events = [
        {"type": "transcription.language", "audio_language": "en"},
        {"type": "transcription.text.delta", "text": "hel"},
        {"type": "transcription.text.delta", "text": "lo"},
        {**SEGMENT, "type": "transcription.segment"},
        {"type": "transcription.done", "text": "hello", "model": "m", "usage": usage, "language": "en"},
    ]
    whole = b"".join(b"data: " + msgspec.json.encode(each) + b"\n\n" for each in events)
    for body in (whole, whole[: whole.rindex(b"data:")]):
        kind = {"content-type": "text/event-stream"}
        upstream.forget().script("voxtral", body=body, headers=kind)
        async with bench(pack.mistral, deployment("mistral", "voxtral", upstream.url)) as at:
            stream = await at.ask(transcription_request("heard", stream=True))
            assert isinstance(stream, Stream)
            told: list[Event] = []
            try:
                async for chunk in chunks_of(stream):
                    told += chunk.events
            except StreamBrokenError:
                assert body != whole
            else:
                assert body == whole
                assert told[-2:] == [
                    UsageUpdate(Usage(input=4, output=6, units=Units(input_seconds=2))),
                    Finish(0, "stop"),
                ]
            assert "".join(each.text for each in told if isinstance(each, TextDelta)) == "hello"
        assert upstream.last.members["stream"] == "true"


async def test_xais_speech_is_asked_for_without_a_model(upstream: ScriptedUpstream):
    upstream.script("/tts", body=b"ID3audio", headers={"content-type": "audio/mpeg"})
    request = Request("speech", OPENAI_SPEECH, {"model": "heard", "input": "Hi", "voice": "eve", "speed": 1.1})
    async with bench(pack.xai, deployment("xai", "grok-tts", upstream.url)) as at:
        stream = await at.ask(request.with_members({"response_format": "wav"}))
        assert isinstance(stream, Stream)
        assert stream.content_type == "audio/mpeg"
        await stream.aclose()
        for member, value in (("instructions", "cheerfully"), ("response_format", "flac")):
            with pytest.raises(UnsupportedParamsError):
                await at.ask(request.with_members({member: value}))
    said = {"text": "Hi", "voice_id": "eve", "language": "auto", "speed": 1.1, "output_format": {"codec": "wav"}}
    assert upstream.last.json == said


async def test_a_file_stands_in_json_where_a_vendor_takes_no_forms(upstream: ScriptedUpstream):
    upstream.script("/audio/transcriptions", json={"text": "hello", "usage": {"seconds": 9.2, "cost": 0.0005}})
    async with bench(pack.openrouter, deployment("openrouter", "openai/whisper-1", upstream.url)) as at:
        reply = await at.ask(transcription_request("heard", b"abc", language="en", temperature=0.2))
        for lost in ({"response_format": "srt"}, {"timestamp_granularities": ["word"]}):
            with pytest.raises(UnsupportedParamsError, match=next(iter(lost))):
                await at.ask(transcription_request("heard", **lost))
    assert isinstance(reply, Reply)
    assert reply.typed == TranscriptionReply("hello")
    assert reply.usage == Usage(units=Units(input_seconds=9.2))
    assert upstream.last.json == {
        "model": "openai/whisper-1",
        "language": "en",
        "temperature": 0.2,
        "input_audio": {"data": "YWJj", "format": "wav"},
    }


@pytest.mark.parametrize(
    ("name", "kind", "format"),
    [("talk.MP3", "audio/wav", "mp3"), ("talk", "audio/mpeg", "mp3"), ("", "audio/x-m4a; a=b", "m4a")],
)
def test_a_files_name_or_type_says_its_format(name: str, kind: str, format: str):
    assert format_of(File(name, kind, InMemory(b""))) == format
