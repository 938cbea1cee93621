"""Speech, transcripts and ranking at Google Cloud: where they are asked, what is sent, and what is made of answers."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from nova_core.errors import BadGatewayError, BadRequestError, ConfigurationError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, transcription_request
from nova_core.types.audio import TranscriptionReply
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import RawReply, Reply, Request
from nova_core.types.rerank import RerankReply
from nova_core.types.secret import Secret
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_plugin_vertex_ai.provider import VertexAI

PLACED = {"vertex_project": "p", "vertex_location": "us-central1"}


def deployment(model: str, *, base: str | None = None, **settings: Any) -> Deployment:
    given = Deployment(
        "d", "public", "vertex_ai", model, api_base=base, api_key=Secret("ya29.token"), settings={**PLACED, **settings}
    )
    return VertexAI().complete(given, {})


def speech(**members: Any) -> Request:
    return Request("speech", OPENAI_SPEECH, {"model": "public", "input": "Good day", "voice": "Kore", **members})


def rerank(**members: Any) -> Request:
    told = {"model": "public", "query": "q", "documents": ["a", {"text": "b"}, "c"], **members}
    return Request("rerank", COHERE_RERANK, told)


@pytest.mark.parametrize(
    ("model", "location", "request_", "url"),
    [
        ("chirp", "us-central1", speech(), "https://texttospeech.googleapis.com/v1/text:synthesize"),
        ("", "eu", speech(), "https://eu-texttospeech.googleapis.com/v1/text:synthesize"),
        ("en-US-Studio-O", "global", speech(), "https://texttospeech.googleapis.com/v1/text:synthesize"),
        (
            "chirp_3",
            "us",
            transcription_request("public"),
            "https://us-speech.googleapis.com/v2/projects/p/locations/us/recognizers/_:recognize",
        ),
        (
            "long",
            "global",
            transcription_request("public"),
            "https://speech.googleapis.com/v2/projects/p/locations/global/recognizers/_:recognize",
        ),
        (
            "semantic-ranker-default@latest",
            "us-central1",
            rerank(),
            "https://discoveryengine.googleapis.com/v1/projects/p/locations/global"
            "/rankingConfigs/default_ranking_config:rank",
        ),
        (
            "gemini-2.5-flash-tts",
            "us-central1",
            speech(),
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1"
            "/publishers/google/models/gemini-2.5-flash-tts:generateContent",
        ),
    ],
)
def test_each_api_has_its_own_address(model: str, location: str, request_: Request, url: str):
    exchange = VertexAI().provider_call(Call(request_), request_, deployment(model, vertex_location=location))
    assert exchange.request.url == url
    assert ("Authorization", "Bearer ya29.token") in exchange.request.headers


def test_a_recognizer_needs_a_project():
    given = Deployment("d", "public", "vertex_ai", "chirp_2", api_key=Secret("key"))
    asked = transcription_request("public")
    with pytest.raises(ConfigurationError, match="vertex_project"):
        VertexAI().provider_call(Call(asked), asked, VertexAI().complete(given, {}))


@pytest.mark.parametrize(
    ("voice", "more", "said"),
    [
        ("en-GB-Studio-C", {}, {"languageCode": "en-GB", "name": "en-GB-Studio-C"}),
        ("Kore", {}, {"languageCode": "en-US", "name": "en-US-Chirp3-HD-Kore"}),
        ("Kore", {"language_code": "de-DE"}, {"languageCode": "de-DE", "name": "de-DE-Chirp3-HD-Kore"}),
        ({"languageCode": "UK"}, {}, {"languageCode": "UK"}),
        ({"id": "fr-FR-Wavenet-A"}, {}, {"languageCode": "fr-FR", "name": "fr-FR-Wavenet-A"}),
    ],
)
async def test_speech_is_asked_for_by_voice(upstream: ScriptedUpstream, voice: Any, more: Any, said: Any):
    audio = b"\xff\xf3\x44\xc4" + bytes(range(200))
    upstream.script("/v1/text:synthesize", json={"audioContent": base64.b64encode(audio).decode()})
    async with bench(VertexAI(), deployment("chirp", base=upstream.url)) as at:
        reply = await at.ask(speech(voice=voice, speed=1.5, **more))
    assert isinstance(reply, RawReply)
    assert (reply.content, reply.content_type) == (audio, "audio/mpeg")
    assert upstream.last.json == {
        "input": {"text": "Good day"},
        "voice": said,
        "audioConfig": {"audioEncoding": "MP3", "speakingRate": 1.5},
    }


async def test_formats_markup_and_the_vendors_own_members_are_said(upstream: ScriptedUpstream):
    upstream.script("/v1/text:synthesize", json={"audioContent": base64.b64encode(b"\0\1" * 8).decode()})
    async with bench(VertexAI(), deployment("chirp", base=upstream.url)) as at:
        reply = await at.ask(speech(input="<speak>Hi</speak>", response_format="pcm", audioConfig={"pitch": 2}))
        assert isinstance(reply, RawReply)
        assert reply.content_type == "audio/pcm"
        assert upstream.last.json["input"] == {"ssml": "<speak>Hi</speak>"}
        config = {"audioEncoding": "PCM", "sampleRateHertz": 24000, "pitch": 2}
        assert upstream.last.json["audioConfig"] == config
        for member, value in (("instructions", "cheerfully"), ("response_format", "flac"), ("seed", 3)):
            with pytest.raises(UnsupportedParamsError) as refused:
                await at.ask(speech(**{member: value}))
            assert refused.value.param == member
        with pytest.raises(BadRequestError, match="languageCode"):
            await at.ask(speech(voice={"gender": "FEMALE"}))


@pytest.mark.parametrize(
    "answer", [{}, {"audioContent": ""}, {"audioContent": "no base64!"}, {"audioContent": 7}, ["audio"]]
)
async def test_an_answer_without_audio_is_an_error(upstream: ScriptedUpstream, answer: Any):
    upstream.script("/v1/text:synthesize", json=answer)
    async with bench(VertexAI(), deployment("chirp", base=upstream.url)) as at:
        with pytest.raises(BadGatewayError):
            await at.ask(speech())


WORDS = [
    {"endOffset": "0.400s", "word": "Hello", "speakerLabel": "1"},
    {"startOffset": "0.400s", "endOffset": "0.900s", "word": "there.", "speakerLabel": "1"},
]
RECOGNIZED = {
    "results": [
        {
            "alternatives": [{"transcript": "Hello there.", "confidence": 0.9, "words": WORDS}],
            "resultEndOffset": "1.200s",
            "languageCode": "en-US",
        },
        {"resultEndOffset": "1.500s"},
        {"alternatives": [{"transcript": " Bye."}], "resultEndOffset": "2.500s", "languageCode": "en-US"},
    ],
    "metadata": {"totalBilledDuration": "3s", "requestId": "r"},
}


async def test_a_file_is_recognized_with_its_words_and_seconds(upstream: ScriptedUpstream):
    path = "/v2/projects/p/locations/us-central1/recognizers/_:recognize"
    upstream.script(path, json=RECOGNIZED)
    content = bytes(range(256)) * 40
    asked = transcription_request(
        "public", content, response_format="diarized_json", features={"profanityFilter": True}
    )
    async with bench(VertexAI(), deployment("chirp_2", base=upstream.url)) as at:
        reply = await at.ask(asked)
        plain = await at.ask(transcription_request("public", content, language="en-GB"))
    assert isinstance(reply, Reply)
    typed = reply.typed
    assert isinstance(typed, TranscriptionReply)
    assert (typed.text, typed.language, typed.duration) == ("Hello there. Bye.", "en-US", 3.0)
    assert typed.words is not None
    assert typed.words[1] == {"word": "there.", "start": 0.4, "end": 0.9, "speaker": "1"}
    assert typed.segments == (
        {"id": 0, "start": 0.0, "end": 1.2, "text": "Hello there.", "speaker": "1"},
        {"id": 1, "start": 1.2, "end": 2.5, "text": "Bye."},
    )
    assert reply.usage is not None
    assert reply.usage.units is not None
    assert reply.usage.units.input_seconds == 3.0
    first, second = (each.json for each in upstream.requests)
    assert base64.b64decode(first["content"]) == content
    assert first["config"] == {
        "autoDecodingConfig": {},
        "model": "chirp_2",
        "languageCodes": ["auto"],
        "features": {
            "enableAutomaticPunctuation": True,
            "enableWordTimeOffsets": True,
            "diarizationConfig": {},
            "profanityFilter": True,
        },
    }
    assert second["config"]["languageCodes"] == ["en-GB"]
    assert second["config"]["features"] == {"enableAutomaticPunctuation": True}
    assert isinstance(plain, Reply)


async def test_silence_is_an_empty_transcript_and_what_is_none_an_error(upstream: ScriptedUpstream):
    path = "/v2/projects/p/locations/us-central1/recognizers/_:recognize"
    upstream.script(path, json={"metadata": {"totalBilledDuration": "1s"}})
    async with bench(VertexAI(), deployment("chirp_2", base=upstream.url)) as at:
        reply = await at.ask(transcription_request("public"))
        assert isinstance(reply, Reply)
        assert isinstance(reply.typed, TranscriptionReply)
        assert reply.typed.text == ""
        upstream.forget().script(path, json={"done": True})
        with pytest.raises(BadGatewayError):
            await at.ask(transcription_request("public"))
        with pytest.raises(UnsupportedParamsError):
            await at.ask(transcription_request("public", temperature=0.7))


async def test_documents_are_ranked_by_their_places(upstream: ScriptedUpstream):
    path = "/v1/projects/p/locations/global/rankingConfigs/default_ranking_config:rank"
    upstream.script(path, json={"records": [{"id": "2", "score": 0.9}, {"id": "0", "score": 0.1}, {"id": "1"}]})
    async with bench(VertexAI(), deployment("semantic-ranker-512@latest", base=upstream.url)) as at:
        reply = await at.ask(rerank(top_n=2, return_documents=True))
        with pytest.raises(UnsupportedParamsError, match="max_tokens_per_doc"):
            await at.ask(rerank(max_tokens_per_doc=10))
    assert isinstance(reply, Reply)
    typed = reply.typed
    assert isinstance(typed, RerankReply)
    assert [(each.index, each.score, each.document) for each in typed.results] == [(2, 0.9, "c"), (0, 0.1, "a")]
    assert upstream.last.json == {
        "model": "semantic-ranker-512@latest",
        "query": "q",
        "records": [{"id": str(place), "content": text} for place, text in enumerate("abc")],
        "ignoreRecordDetailsInResponse": True,
        "topN": 2,
    }


async def test_users_credentials_name_the_project_that_is_asked(upstream: ScriptedUpstream):
    user = {
        "type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r",
        "token_uri": f"{upstream.url}/token",
    }  # fmt: skip
    upstream.script("/token", json={"access_token": "ya29.fresh", "expires_in": 3600})
    upstream.script("/v1/text:synthesize", json={"audioContent": base64.b64encode(b"ID3audio").decode()})
    provider = VertexAI()
    settings = {**PLACED, "vertex_credentials": msgspec.json.encode(user).decode()}
    given = Deployment("d", "public", "vertex_ai", "chirp", api_base=upstream.url, settings=settings)
    async with bench(provider, provider.complete(given, {})) as at:
        await at.ask(speech())
    assert upstream.last.header("x-goog-user-project") == "p"
    assert upstream.last.header("authorization") == "Bearer ya29.fresh"


async def test_gemini_on_vertex_speaks_and_writes_down_what_it_hears(upstream: ScriptedUpstream):
    sound = {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": base64.b64encode(b"\0\1" * 50).decode()}}
    for model, part in (("gemini-2.5-flash-tts", sound), ("gemini-2.5-flash", {"text": "hello there"})):
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
        upstream.script(model, json={"candidates": [candidate], "usageMetadata": {"promptTokenCount": 4}})
    async with bench(VertexAI(), deployment("gemini-2.5-flash-tts", base=upstream.url)) as at:
        said = await at.ask(speech())
    async with bench(VertexAI(), deployment("gemini-2.5-flash", base=upstream.url)) as at:
        heard = await at.ask(transcription_request("public", b"abc"))
    assert isinstance(said, RawReply)
    assert said.content_type == "audio/wav"
    assert isinstance(heard, Reply)
    assert isinstance(heard.typed, TranscriptionReply)
    assert heard.typed.text == "hello there"
    spoken, listened = upstream.requests
    assert spoken.json["generationConfig"]["responseModalities"] == ["AUDIO"]
    assert listened.json["contents"][0]["parts"][1]["inlineData"]["data"] == base64.b64encode(b"abc").decode()
