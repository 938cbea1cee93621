"""Deepgram: what is sent for a transcript and for speech, and what is made of the answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from nova_core.errors import UnsupportedParamsError
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
from nova_plugin_deepgram import plugin

HEARD: dict[str, Any] = {
    "metadata": {"request_id": "r", "duration": 2.5, "channels": 1},
    "results": {
        "channels": [
            {
                "detected_language": "en",
                "alternatives": [
                    {
                        "transcript": "Hello there.",
                        "confidence": 0.99,
                        "words": [
                            {"word": "hello", "start": 0.0, "end": 1.0, "punctuated_word": "Hello", "speaker": 0},
                            {"word": "there", "start": 1.0, "end": 2.5, "punctuated_word": "there."},
                        ],
                    }
                ],
            }
        ],
        "utterances": [{"start": 0.0, "end": 2.5, "transcript": "Hello there.", "speaker": 1}],
    },
}


@pytest.fixture
async def at(upstream: ScriptedUpstream):
    upstream.script("*", json=HEARD)
    given = Deployment("d", "heard", "deepgram", "nova-3", api_base=f"{upstream.url}/v1", api_key=Secret("the-key"))
    async with bench(plugin, plugin.complete(given, {})) as made:
        yield made


def query(upstream: ScriptedUpstream) -> dict[str, list[str]]:
    return parse_qs(upstream.last.path.partition("?")[2])


async def heard(at: ProviderBench, **members: Any) -> Reply:
    answer = await at.ask(transcription_request("heard", b"RIFFabc", **members))
    assert isinstance(answer, Reply)
    return translate_reply(answer, OPENAI_TRANSCRIPTIONS)


async def test_the_file_is_the_body_and_everything_else_stands_in_the_query(upstream, at):
    reply = await heard(at, language="en", keyterm=["nova", "core"], punctuate="true")
    assert upstream.last.route == "/v1/listen"
    assert (upstream.last.body, upstream.last.header("content-type")) == (b"RIFFabc", "audio/wav")
    assert upstream.last.header("authorization") == "Token the-key"
    assert query(upstream) == {
        "model": ["nova-3"],
        "language": ["en"],
        "smart_format": ["true"],
        "keyterm": ["nova", "core"],
        "punctuate": ["true"],
    }
    assert reply.get("text") == "Hello there."
    assert reply.usage == Usage(units=Units(input_seconds=2.5))


async def test_languages_are_found_out_and_words_and_segments_told(upstream, at):
    reply = await heard(at, response_format="verbose_json")
    assert query(upstream)["detect_language"] == query(upstream)["utterances"] == ["true"]
    typed = reply.typed
    assert isinstance(typed, TranscriptionReply)
    assert (typed.language, typed.duration) == ("en", 2.5)
    assert typed.words is not None
    assert typed.words[0] == {"word": "Hello", "start": 0.0, "end": 1.0, "speaker": "0"}
    assert typed.segments == ({"id": 0, "start": 0.0, "end": 2.5, "text": "Hello there.", "speaker": "1"},)
    subtitles = OPENAI_TRANSCRIPTIONS.said_as_asked(reply, {"response_format": "vtt"})
    assert subtitles.encode() == b"WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nHello there.\n"


async def test_what_cannot_be_said_is_refused_or_named(upstream, at):
    for member, value in (("temperature", "0.5"), ("include", ["logprobs"]), ("nonsense", "1")):
        with pytest.raises(UnsupportedParamsError) as refused:
            await at.ask(transcription_request("heard", **{member: value}))
        assert refused.value.param == member
    assert upstream.requests == []
    asked = transcription_request("heard", prompt="names: Ada", temperature="0", nonsense="1")
    await at.ask(asked, CallOptions(drop_params=True))
    assert set(at.call.fidelity.dropped) == {"prompt", "temperature", "nonsense"}
    assert not {"prompt", "temperature", "nonsense"} & query(upstream).keys()


def speech(**members: Any) -> Request:
    return Request("speech", OPENAI_SPEECH, {"model": "m", "input": "Good day", "voice": "thalia", **members})


async def spoken(at: ProviderBench, **members: Any) -> bytes:
    answer = await at.ask(speech(**members), model="aura-2")
    assert isinstance(answer, Stream)
    assert answer.content_type == "audio/mpeg"
    try:
        pieces = [event async for chunk in chunks_of(answer) for event in chunk.events]
        return b"".join(piece.data for piece in pieces if isinstance(piece, Piece))
    finally:
        await answer.aclose()


async def test_speech_is_streamed_by_the_voice_in_the_format_that_is_asked_for(upstream, at):
    upstream.forget().script("*", body=b"ID3audio", headers={"content-type": "audio/mpeg"})
    assert await spoken(at) == b"ID3audio"
    assert (upstream.last.route, upstream.last.json) == ("/v1/speak", {"text": "Good day"})
    assert query(upstream) == {"model": ["aura-2-thalia-en"], "encoding": ["mp3"]}
    await spoken(at, voice={"id": "aura-2-luna-en"}, response_format="wav", speed=1.2, bit_rate=48000)
    assert query(upstream) == {
        "model": ["aura-2-luna-en"],
        "encoding": ["linear16"],
        "container": ["wav"],
        "speed": ["1.2"],
        "bit_rate": ["48000"],
    }
    for member, value in (("instructions", "whisper"), ("response_format", "midi")):
        with pytest.raises(UnsupportedParamsError) as refused:
            await at.ask(speech(**{member: value}), model="aura-2")
        assert refused.value.param == member
