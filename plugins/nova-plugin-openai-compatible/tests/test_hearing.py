"""Vendors that transcribe: where, under which names of models, and what they say was used."""

from __future__ import annotations

import pytest

import nova_plugin_openai_compatible as pack
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, transcription_request
from nova_core.types.audio import TranscriptionReply
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply
from nova_core.types.secret import Secret
from nova_core.types.usage import Units, Usage


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
