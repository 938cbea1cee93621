"""Azure Speech: where it is, what is sent of a file, and what is made of phrases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, ConfigurationError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, transcription_request
from nova_core.types.audio import TranscriptionReply
from nova_core.types.deployment import Deployment
from nova_core.types.secret import Secret
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS
from nova_core.wire.translate import translate_reply
from nova_plugin_azure_speech import plugin
from nova_plugin_azure_speech.transcripts import locale_of

WORDS = [
    {"text": "Hello", "offsetMilliseconds": 100, "durationMilliseconds": 400},
    {"text": "there.", "offsetMilliseconds": 500, "durationMilliseconds": 500},
]
PHRASE = {"text": "Hello there.", "offsetMilliseconds": 100, "durationMilliseconds": 900, "locale": "en-US"}
HEARD: dict[str, Any] = {
    "durationMilliseconds": 2500,
    "combinedPhrases": [{"text": "Hello there."}],
    "phrases": [{**PHRASE, "speaker": 1, "words": WORDS}],
}


@pytest.fixture
async def at(upstream: ScriptedUpstream):
    upstream.script("*", json=HEARD)
    given = Deployment("d", "heard", "azure_speech", "fast", api_base=upstream.url, api_key=Secret("the-key"))
    async with bench(plugin, plugin.complete(given, {})) as made:
        yield made


def test_the_region_says_where():
    where = plugin.complete(Deployment("d", "g", "azure_speech", "fast"), {"AZURE_SPEECH_REGION": "westeurope"})
    assert plugin.url(where, "transcription") == (
        "https://westeurope.api.cognitive.microsoft.com/speechtotext/transcriptions:transcribe?api-version=2025-10-15"
    )
    with pytest.raises(ConfigurationError, match="AZURE_SPEECH_REGION"):
        plugin.complete(Deployment("d", "g", "azure_speech", "fast"), {})


async def test_a_file_is_sent_with_its_definition(at, upstream: ScriptedUpstream):
    phrases = {"phrases": ["Contoso"]}
    await at.ask(transcription_request("heard", b"RIFF", language="en", phraseList=phrases, prompt="hint"))
    received = upstream.last
    assert received.header("ocp-apim-subscription-key") == "the-key"
    parts = {part.name: part for part in received.form}
    assert (parts["audio"].content, parts["audio"].content_type) == (b"RIFF", "audio/wav")
    assert json.loads(parts["definition"].text) == {"locales": ["en-US"], "phraseList": phrases}
    assert at.call.fidelity.dropped == ("prompt",)
    await at.ask(transcription_request("heard", response_format="diarized_json"))
    parts = {part.name: part for part in upstream.last.form}
    assert json.loads(parts["definition"].text)["diarization"]["enabled"] is True


async def test_phrases_become_segments_and_words(at):
    reply = await at.ask(transcription_request("heard", response_format="verbose_json"))
    assert reply.typed == TranscriptionReply(
        text="Hello there.",
        language="en-US",
        duration=2.5,
        words=(
            {"word": "Hello", "start": 0.1, "end": 0.5},
            {"word": "there.", "start": 0.5, "end": 1.0},
        ),
        segments=({"id": 0, "start": 0.1, "end": 1.0, "text": "Hello there.", "speaker": "1"},),
        usage=Usage(units=Units(input_seconds=2.5)),
    )
    assert translate_reply(reply, OPENAI_TRANSCRIPTIONS).get("text") == "Hello there."


async def test_what_it_cannot_do_and_what_is_no_transcript_is_told(at, upstream: ScriptedUpstream):
    with pytest.raises(UnsupportedParamsError, match="temperature"):
        await at.ask(transcription_request("heard", temperature=0.5))
    upstream.forget().script("*", json={"code": "InvalidAudioFormat", "message": "no audio"})
    with pytest.raises(BadGatewayError, match="no audio"):
        await at.ask(transcription_request("heard"))


@pytest.mark.parametrize(("language", "locale"), [("de", "de-DE"), ("zh", "zh-CN"), ("pt-PT", "pt-PT")])
def test_languages_are_said_as_locales(language: str, locale: str):
    assert locale_of(language) == locale
