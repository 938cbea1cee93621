"""Gemini's transcripts and speech: what is asked, and what is made of the answers."""

from __future__ import annotations

import base64
import io
import wave
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, ContentPolicyViolationError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, transcription_request
from nova_core.types.deployment import Deployment
from nova_core.types.message import RawReply, Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.upload import File, InMemory
from nova_core.wire.file_in_json import FilesInJson
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS
from nova_core.wire.translate import translate_reply
from nova_plugin_gemini import plugin

USED = {"promptTokenCount": 40, "candidatesTokenCount": 5, "totalTokenCount": 45}


def answer(*parts: dict[str, Any]) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": USED, "modelVersion": "gemini-x"}


@pytest.fixture
async def at(upstream: ScriptedUpstream):
    given = Deployment("d", "g", "gemini", "gemini-x", api_base=f"{upstream.url}/v1beta", api_key=Secret("the-key"))
    async with bench(plugin, plugin.complete(given, {})) as made:
        yield made


async def test_a_file_is_sent_inline_and_the_text_is_the_transcript(upstream, at):
    upstream.script("gemini-x", json=answer({"text": "hmm", "thought": True}, {"text": "hello there\n"}))
    content = bytes(range(256)) * 5000
    asked = transcription_request("g", content, language="en", prompt="names: Ada", temperature="0.2")
    reply = await at.ask(asked)
    assert isinstance(reply, Reply)
    said = translate_reply(reply, OPENAI_TRANSCRIPTIONS)
    assert said.get("text") == "hello there"
    assert said.usage is not None
    assert (said.usage.input_total, said.usage.output_total) == (40, 5)
    assert upstream.last.path == "/v1beta/models/gemini-x:generateContent"
    assert upstream.last.header("x-goog-api-key") == "the-key"
    body = upstream.last.json
    instruction, file = body["contents"][0]["parts"]
    assert file["inlineData"]["mimeType"] == "audio/wav"
    assert base64.b64decode(file["inlineData"]["data"]) == content
    assert "en." in instruction["text"]
    assert "names: Ada" in instruction["text"]
    assert body["generationConfig"] == {"temperature": 0.2}


async def test_a_transcript_that_is_withheld_is_an_error(upstream, at):
    upstream.script("gemini-x", json={"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USED})
    with pytest.raises(ContentPolicyViolationError):
        await at.ask(transcription_request("g"))


@pytest.mark.parametrize("wanted", ["srt", "verbose_json"])
async def test_times_are_refused_for_they_are_not_known(upstream, at, wanted):
    with pytest.raises(UnsupportedParamsError) as refused:
        await at.ask(transcription_request("g", response_format=wanted))
    assert refused.value.param == "response_format"
    assert upstream.requests == []


def speech(**members: Any) -> Request:
    return Request("speech", OPENAI_SPEECH, {"model": "g", "input": "Good day", "voice": "Kore", **members})


async def test_speech_is_a_wav_file_or_bare_samples(upstream, at):
    pcm = bytes(range(200))
    audio = {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": base64.b64encode(pcm).decode()}}
    upstream.script("gemini-x", json=answer(audio))
    said = await at.ask(speech(instructions="Say it cheerfully"))
    assert isinstance(said, RawReply)
    assert said.content_type == "audio/wav"
    with wave.open(io.BytesIO(said.content)) as read:
        assert (read.getframerate(), read.getnchannels(), read.readframes(1000)) == (24_000, 1, pcm)
    body = upstream.last.json
    assert body["contents"][0]["parts"] == [{"text": "Say it cheerfully:\nGood day"}]
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
    assert body["generationConfig"] == {"responseModalities": ["AUDIO"], "speechConfig": voice}
    bare = await at.ask(speech(response_format="pcm"))
    assert isinstance(bare, RawReply)
    assert (bare.content, bare.content_type) == (pcm, "audio/pcm;rate=24000")
    for member, value in (("speed", 2), ("response_format", "mp3")):
        with pytest.raises(UnsupportedParamsError):
            await at.ask(speech(**{member: value}))
    upstream.forget().script("gemini-x", json=answer({"text": "no"}))
    with pytest.raises(BadGatewayError, match="no audio"):
        await at.ask(speech())


@given(st.lists(st.binary(max_size=20), max_size=4), st.integers(1, 7))
async def test_files_stand_in_json_as_base64_wherever_they_are_cut(contents: list[bytes], piece: int):
    files = [File("f", "a/b", InMemory(content, piece=piece)) for content in contents]
    body = FilesInJson({"é": [{"data": file} for file in files]})
    whole = b"".join([each async for each in body.chunks()])
    assert body.length == len(whole)
    expected = ",".join(f'{{"data":"{base64.b64encode(content).decode()}"}}' for content in contents)
    assert whole.decode() == f'{{"é":[{expected}]}}'
