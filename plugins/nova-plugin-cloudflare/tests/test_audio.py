"""Cloudflare Workers AI: models that speak and models that listen."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench
from nova_core.types.audio import TranscriptionReply
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import RawReply, Reply, Request, Stream
from nova_core.types.secret import Secret
from nova_core.types.upload import File, InMemory
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS, OPENAI_TRANSLATIONS
from nova_plugin_cloudflare import plugin
from nova_plugin_cloudflare.bodies import FileInJson

AURA, MELO = "@cf/deepgram/aura-1", "@cf/myshell-ai/melotts"
WHISPER, TURBO, NOVA = "@cf/openai/whisper", "@cf/openai/whisper-large-v3-turbo", "@cf/deepgram/nova-3"
AUDIO = b"RIFF....WAVEfmt"


def deployment(model: str, base: str) -> Deployment:
    made = Deployment("d", "g", "cloudflare", model, api_base=f"{base}/accounts/1/ai", api_key=Secret("k-0123456"))
    completed: Deployment = plugin.complete(made, {})
    return completed


def speech(**members: Any) -> Request:
    return Request("speech", OPENAI_SPEECH, {"model": "g", "input": "Hello", "voice": "angus", **members})


def heard(**members: Any) -> Request:
    file = File("a.wav", "audio/wav", InMemory(AUDIO, piece=4))
    return Request("transcription", OPENAI_TRANSCRIPTIONS, {"model": "g", "file": file, **members})


async def test_speech_is_passed_on_as_it_comes(upstream: ScriptedUpstream) -> None:
    upstream.script("*", body=b"sound", headers={"content-type": "audio/mpeg"})
    async with bench(plugin, deployment(AURA, upstream.url)) as asking:
        answer = await asking.ask(speech(response_format="opus", speed=1))
        assert isinstance(answer, Stream)
        assert answer.frames is not None
        assert b"".join([frame.data async for frame in answer.frames]) == b"sound"
        await answer.aclose()
    asked = {"text": "Hello", "speaker": "angus", "encoding": "opus", "container": "ogg"}
    assert (upstream.last.route, upstream.last.json) == (f"/accounts/1/ai/run/{AURA}", asked)


async def test_speech_in_an_envelope_is_taken_out_of_it(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={"result": {"audio": base64.b64encode(b"sound").decode()}, "success": True})
    async with bench(plugin, deployment(MELO, upstream.url)) as asking:
        answer = await asking.ask(speech(voice="en"))
        assert isinstance(answer, RawReply)
        assert (answer.content, answer.content_type) == (b"sound", "audio/mpeg")
        assert upstream.last.json == {"prompt": "Hello", "lang": "en"}
        upstream.forget().script("*", json={"result": {}, "success": True})
        with pytest.raises(BadGatewayError, match="audio"):
            await asking.ask(speech())


@pytest.mark.parametrize("members", [{"instructions": "sadly"}, {"speed": 2}, {"response_format": "ogg"}])
def test_what_speech_cannot_be_told_is_refused_by_name(members: dict[str, Any]) -> None:
    request = speech(**members)
    with pytest.raises(UnsupportedParamsError, match=next(iter(members))):
        plugin.provider_call(Call(request), request, deployment(AURA, "http://x"))


async def test_audio_is_sent_as_it_is(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={"result": {"text": "Hello.", "words": [{"word": "Hello.", "start": 0, "end": 1}]}})
    async with bench(plugin, deployment(WHISPER, upstream.url)) as asking:
        answer = await asking.ask(heard())
        assert isinstance(answer, Reply) and isinstance(answer.typed, TranscriptionReply)
        assert (answer.typed.text, len(answer.typed.words or ())) == ("Hello.", 1)
        assert (upstream.last.body, upstream.last.header("content-type")) == (AUDIO, "audio/wav")
        upstream.forget().script(
            "*", json={"result": {"results": {"channels": [{"alternatives": [{"transcript": "Hi"}]}]}}}
        )
        answer = await asking.ask(heard(), model=NOVA)
        assert isinstance(answer, Reply) and isinstance(answer.typed, TranscriptionReply)
        assert answer.typed.text == "Hi"
        upstream.forget().script("*", json={"result": {}})
        with pytest.raises(BadGatewayError, match="text"):
            await asking.ask(heard())
        with pytest.raises(UnsupportedParamsError, match="language"):
            await asking.ask(heard(language="de"))


async def test_models_that_take_json_are_told_what_else_is_known(upstream: ScriptedUpstream) -> None:
    about = {"language": "de", "duration": 2.5}
    upstream.script("*", json={"result": {"text": "Hallo.", "transcription_info": about}, "success": True})
    async with bench(plugin, deployment(TURBO, upstream.url)) as asking:
        answer = await asking.ask(heard(language="de", prompt="A greeting", vad_filter=True))
        assert isinstance(answer, Reply)
        assert answer.usage == Usage(units=Units(input_seconds=2.5))
        sent = upstream.last.json
        assert base64.b64decode(sent.pop("audio")) == AUDIO
        assert sent == {"language": "de", "initial_prompt": "A greeting", "vad_filter": True, "task": "transcribe"}
        file = File("a.wav", "audio/wav", InMemory(AUDIO))
        await asking.ask(Request("translation", OPENAI_TRANSLATIONS, {"model": "g", "file": file}))
    assert upstream.last.json["task"] == "translate"


@given(st.binary(max_size=50), st.integers(min_value=1, max_value=9))
async def test_a_file_in_json_is_whole_however_it_comes(content: bytes, piece: int) -> None:
    body = FileInJson("audio", File("a", "audio/wav", InMemory(content, piece=piece)), {"task": "x"})
    said = b"".join([chunk async for chunk in body.chunks()])
    assert said == b'{"audio":"%b","task":"x"}' % base64.b64encode(content)
    assert body.length == len(said)
    assert FileInJson("a", File("a", "b", InMemory(b"")), {}).length == len(b'{"a":""}')
