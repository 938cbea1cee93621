"""ElevenLabs: what is sent for speech and for a transcript, and what is made of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import BadRequestError, UnsupportedParamsError
from nova_core.gateway.relay import chunks_of
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import ProviderBench, bench, transcription_request
from nova_core.types.audio import TranscriptionReply
from nova_core.types.call import CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.events import Piece
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.secret import Secret
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS
from nova_core.wire.translate import translate_reply
from nova_plugin_elevenlabs import plugin

VOICE = "21m00Tcm4TlvDq8ikWAM"
HEARD: dict[str, Any] = {
    "language_code": "eng",
    "language_probability": 0.98,
    "text": "Hello there (laughs)",
    "words": [
        {"text": "Hello", "start": 0.1, "end": 1.0, "type": "word", "speaker_id": "speaker_0", "logprob": -0.1},
        {"text": " ", "start": 1.0, "end": 1.1, "type": "spacing"},
        {"text": "there", "start": 1.1, "end": 2.5, "type": "word"},
        {"text": "(laughs)", "start": 2.6, "end": 3.5, "type": "audio_event"},
    ],
}


@pytest.fixture
async def at(upstream: ScriptedUpstream):
    upstream.script("*", json=HEARD)
    given = Deployment("d", "heard", "elevenlabs", "scribe_v2", api_base=upstream.url, api_key=Secret("the-key"))
    async with bench(plugin, plugin.complete(given, {})) as made:
        yield made


async def heard(at: ProviderBench, **members: Any) -> Reply:
    answer = await at.ask(transcription_request("heard", b"RIFFabc", **members))
    assert isinstance(answer, Reply)
    return translate_reply(answer, OPENAI_TRANSCRIPTIONS)


async def test_a_file_is_sent_in_a_form_of_the_vendors_fields(upstream, at):
    reply = await heard(at, language="en", temperature="0.5", num_speakers="2", keyterms=["nova", "core"])
    assert (upstream.last.route, upstream.last.header("xi-api-key")) == ("/v1/speech-to-text", "the-key")
    *fields, file = upstream.last.form
    assert sorted((part.name, part.text) for part in fields) == [
        ("keyterms", "core"),
        ("keyterms", "nova"),
        ("language_code", "en"),
        ("model_id", "scribe_v2"),
        ("num_speakers", "2"),
        ("tag_audio_events", "false"),
        ("temperature", "0.5"),
    ]
    assert (file.name, file.filename, file.content_type, file.content) == ("file", "talk.wav", "audio/wav", b"RIFFabc")
    typed = reply.typed
    assert isinstance(typed, TranscriptionReply)
    assert (typed.text, typed.language, typed.duration) == ("Hello there (laughs)", "eng", 3.5)
    assert typed.words == (
        {"word": "Hello", "start": 0.1, "end": 1.0, "speaker": "speaker_0"},
        {"word": "there", "start": 1.1, "end": 2.5},
    )
    assert reply.usage == Usage(units=Units(input_seconds=3.5))


async def test_channels_are_heard_one_after_the_other(upstream, at):
    parts = [{"text": "a", "language_code": "eng", "words": []}, {"text": "b", "words": None}]
    upstream.forget().script("*", json={"transcripts": parts})
    assert (await heard(at)).get("text") == "a\nb"


async def test_what_cannot_be_said_is_refused_or_named(upstream, at):
    with pytest.raises(UnsupportedParamsError) as refused:
        await at.ask(transcription_request("heard", nonsense="1"))
    assert refused.value.param == "nonsense"
    await at.ask(transcription_request("heard", prompt="names: Ada"), CallOptions(drop_params=False))
    assert at.call.fidelity.dropped == ("prompt",)
    with pytest.raises(BadRequestError, match="`voice`"):
        await at.ask(Request("speech", OPENAI_SPEECH, {"model": "m", "input": "x", "voice": {"name": "x"}}))


async def spoken(at: ProviderBench, **members: Any) -> bytes:
    asked = {"model": "m", "input": "Good day", "voice": VOICE, **members}
    answer = await at.ask(Request("speech", OPENAI_SPEECH, asked), model="eleven_v3")
    assert isinstance(answer, Stream)
    try:
        pieces = [event async for chunk in chunks_of(answer) for event in chunk.events]
        return b"".join(piece.data for piece in pieces if isinstance(piece, Piece))
    finally:
        await answer.aclose()


async def test_speech_is_streamed_by_the_voice_in_the_format_that_is_asked_for(upstream, at):
    upstream.forget().script("*", body=b"ID3audio", headers={"content-type": "audio/mpeg"})
    assert await spoken(at) == b"ID3audio"
    assert upstream.last.path == f"/v1/text-to-speech/{VOICE}/stream?output_format=mp3_44100_128"
    assert upstream.last.json == {"text": "Good day", "model_id": "eleven_v3"}
    settings = {"stability": 0.4}
    await spoken(at, response_format="pcm", speed=1.1, voice_settings=settings, language_code="de")
    assert upstream.last.path.endswith("?output_format=pcm_24000")
    assert upstream.last.json == {
        "text": "Good day",
        "model_id": "eleven_v3",
        "language_code": "de",
        "voice_settings": {"stability": 0.4, "speed": 1.1},
    }
    await spoken(at, response_format="ulaw_8000")
    assert upstream.last.path.endswith("?output_format=ulaw_8000")
    for member, value in (("instructions", "whisper"), ("response_format", "flac")):
        with pytest.raises(UnsupportedParamsError) as refused:
            await spoken(at, **{member: value})
        assert refused.value.param == member
