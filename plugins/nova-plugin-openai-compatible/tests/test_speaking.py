"""Vendors that put speech in JSON: what they are sent, and what is made of whole answers and of streams."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

import nova_plugin_openai_compatible as pack
from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    InternalServerError,
    NovaError,
    PaymentRequiredError,
    RateLimitedError,
    StreamBrokenError,
    UnsupportedParamsError,
)
from nova_core.gateway.relay import chunks_of
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import ProviderBench, bench
from nova_core.types.call import CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.events import Event
from nova_core.types.message import RawReply, Request, Stream
from nova_core.types.secret import Secret
from nova_core.types.usage import Units, Usage
from nova_core.wire.openai_speech import OPENAI_SPEECH

AUDIO = b"ID3" + bytes(range(256))
PATHS = {"mistral": "/v1/audio/speech", "minimax": "/v1/t2a_v2"}
"""Vendors that stream, too."""


def speech(**members: Any) -> Request:
    return Request("speech", OPENAI_SPEECH, {"model": "said", "input": "Hi", "voice": "v1", **members})


@pytest.fixture(params=list(PATHS))
async def at(request: Any, upstream: ScriptedUpstream):
    vendor = request.param
    given = Deployment("d", "said", vendor, "m", api_base=f"{upstream.url}/v1", api_key=Secret("key"))
    async with bench(getattr(pack, vendor), getattr(pack, vendor).complete(given, {})) as made:
        yield made


def whole(vendor: str, audio: bytes = AUDIO) -> dict[str, Any]:
    if vendor == "mistral":
        return {"audio_data": base64.b64encode(audio).decode()}
    done = {"status_code": 0, "status_msg": "success"}
    extra = {"audio_length": 9900, "usage_characters": 26, "audio_format": "mp3"}
    return {"data": {"audio": audio.hex(), "status": 2}, "extra_info": extra, "trace_id": "t", "base_resp": done}


def streamed(vendor: str, *pieces: bytes, ended: bool = True) -> bytes:
    if vendor == "mistral":
        events = [{"type": "speech.audio.delta", "audio_data": base64.b64encode(each).decode()} for each in pieces]
        usage = {"prompt_tokens": 3, "completion_tokens": 40, "total_tokens": 43}
        events += [{"type": "speech.audio.done", "usage": usage}] if ended else []
        return b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events)
    said = [{"data": {"audio": each.hex(), "status": 1}, "base_resp": {"status_code": 0}} for each in pieces]
    said += [whole("minimax", b"")] if ended else []
    return b"".join(f"data: {json.dumps(each)}\n\n".encode() for each in said)


async def events_of(at: ProviderBench, request: Request) -> list[Event]:
    stream = await at.ask(request)
    assert isinstance(stream, Stream)
    return [event async for chunk in chunks_of(stream) for event in chunk.events]


async def test_a_whole_answer_is_audio_of_the_type_that_was_asked_for(upstream: ScriptedUpstream, at: ProviderBench):
    vendor = at.deployment.provider
    upstream.script(PATHS[vendor], json=whole(vendor))
    reply = await at.ask(speech())
    assert isinstance(reply, RawReply)
    assert (reply.content, reply.content_type) == (AUDIO, "audio/mpeg")
    asked = await at.ask(speech(response_format="pcm"))
    assert isinstance(asked, RawReply)
    assert asked.content_type == "audio/pcm"
    assert upstream.last.header("authorization") == "Bearer key"


async def test_pieces_are_passed_on_as_they_come_to_who_wants_events(upstream: ScriptedUpstream, at: ProviderBench):
    vendor = at.deployment.provider
    upstream.script(PATHS[vendor], body=streamed(vendor, b"one", b"two"), headers={"content-type": "text/event-stream"})
    events = await events_of(at, speech(stream_format="sse"))
    assert b"".join(getattr(event, "data", b"") for event in events) == b"onetwo"
    stated = Usage(input=3, output_audio=40) if vendor == "mistral" else Usage(units=Units(characters=26))
    assert [event.usage for event in events if hasattr(event, "usage")] == [stated]
    assert upstream.last.json["stream"] is True


@pytest.mark.parametrize("broken", ["cut", "garbage", "refused"])
async def test_a_stream_that_breaks_has_no_clean_end(upstream: ScriptedUpstream, at: ProviderBench, broken: str):
    vendor = at.deployment.provider
    body = streamed(vendor, b"one", ended=False)
    body += {"cut": b"", "garbage": b"data: {]\n\n"}.get(broken, b"")
    if broken == "refused":
        error = {"base_resp": {"status_code": 1002, "status_msg": "slow down"}, "type": "error", "message": "slow down"}
        body += f"data: {json.dumps(error)}\n\n".encode()
    upstream.script(PATHS[vendor], body=body, headers={"content-type": "text/event-stream"})
    with pytest.raises(StreamBrokenError if broken != "refused" else NovaError) as failed:
        await events_of(at, speech(stream_format="sse"))
    assert broken != "refused" or "slow down" in failed.value.message


async def test_what_a_vendor_has_no_word_for_is_refused_or_dropped_by_name(
    upstream: ScriptedUpstream, at: ProviderBench
):
    vendor = at.deployment.provider
    upstream.script(PATHS[vendor], json=whole(vendor))
    for member, value in (("instructions", "cheerfully"), ("response_format", "aac"), ("seed", 7)):
        with pytest.raises(UnsupportedParamsError) as refused:
            await at.ask(speech(**{member: value}))
        assert refused.value.param == member
        await at.ask(speech(**{member: value}), CallOptions(drop_params=True))
        assert at.call is not None
        assert member in at.call.fidelity.dropped
    with pytest.raises(BadRequestError, match="voice"):
        await at.ask(speech(voice={"name": "x"}))


async def test_an_answer_without_audio_is_an_error(upstream: ScriptedUpstream, at: ProviderBench):
    vendor = at.deployment.provider
    for answer in (
        {},
        {"audio_data": "!", "data": {"audio": "no hex"}},
        {"audio_data": 1, "data": "x"},
        whole(vendor, b""),
    ):
        upstream.forget().script(PATHS[vendor], json=answer)
        with pytest.raises(BadGatewayError, match="no audio"):
            await at.ask(speech())


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1002, RateLimitedError),
        (1004, AuthenticationError),
        (1008, PaymentRequiredError),
        (1026, ContentPolicyViolationError),
        (2013, BadRequestError),
        (1000, InternalServerError),
    ],
)
async def test_errors_that_come_as_successes_are_what_their_code_says(
    upstream: ScriptedUpstream, code: int, error: Any
):
    given = Deployment("d", "said", "minimax", "speech-2.6-hd", api_base=f"{upstream.url}/v1", api_key=Secret("key"))
    upstream.script("/v1/t2a_v2", json={"base_resp": {"status_code": code, "status_msg": "told why"}})
    async with bench(pack.minimax, pack.minimax.complete(given, {})) as at:
        with pytest.raises(error, match="told why"):
            await at.ask(speech())


async def test_the_members_are_those_of_the_vendors(upstream: ScriptedUpstream):
    told: dict[str, dict[str, Any]] = {}
    for vendor, more in (
        ("mistral", {"ref_audio": "QUJD", "voice": {"id": "v2"}}),
        ("minimax", {"speed": 1.2, "response_format": "flac", "voice_setting": {"emotion": "happy"}}),
    ):
        upstream.script(PATHS[vendor], json=whole(vendor))
        given = Deployment("d", "said", vendor, "m", api_base=f"{upstream.url}/v1", api_key=Secret("key"))
        async with bench(getattr(pack, vendor), getattr(pack, vendor).complete(given, {})) as at:
            await at.ask(speech(**more))
        told[vendor] = upstream.last.json
    assert told["mistral"] == {"model": "m", "input": "Hi", "voice_id": "v2", "ref_audio": "QUJD"}
    assert told["minimax"] == {
        "model": "m",
        "text": "Hi",
        "output_format": "hex",
        "voice_setting": {"voice_id": "v1", "speed": 1.2, "emotion": "happy"},
        "audio_setting": {"format": "flac"},
    }


async def test_a_speaker_says_the_language(upstream: ScriptedUpstream):
    upstream.script("/v1/audio/generation", json={"audio": base64.b64encode(AUDIO).decode()})
    given = Deployment("d", "said", "hyperbolic", "melo-tts", api_base=f"{upstream.url}/v1", api_key=Secret("key"))
    async with bench(pack.hyperbolic, pack.hyperbolic.complete(given, {})) as at:
        reply = await at.ask(speech(voice="EN-US", speed=1.2, noise_scale=0.5))
        assert isinstance(reply, RawReply)
        assert (reply.content, reply.content_type) == (AUDIO, "audio/mpeg")
        with pytest.raises(UnsupportedParamsError, match="response_format"):
            await at.ask(speech(response_format="wav"))
    said = {"text": "Hi", "speaker": "EN-US", "language": "EN", "speed": 1.2, "noise_scale": 0.5}
    assert upstream.last.json == said


@pytest.mark.parametrize(
    ("vendor", "operation", "url"),
    [
        ("veniceai", "speech", "https://api.venice.ai/api/v1/audio/speech"),
        ("lemonade", "speech", "http://localhost:8000/api/v1/audio/speech"),
        ("lemonade", "rerank", "http://localhost:8000/api/v1/reranking"),
        ("edenai", "rerank", "https://api.edenai.run/v3/rerank"),
        ("openrouter", "rerank", "https://openrouter.ai/api/v1/rerank"),
        ("vercel_ai_gateway", "rerank", "https://ai-gateway.vercel.sh/v1/rerank"),
        ("novita", "rerank", "https://api.novita.ai/openai/v1/rerank"),
        ("novita", "embedding", "https://api.novita.ai/openai/v1/embeddings"),
        ("sambanova", "translation", "https://api.sambanova.ai/v1/audio/translations"),
        ("groq", "speech", "https://api.groq.com/openai/v1/audio/speech"),
        ("deepinfra", "speech", "https://api.deepinfra.com/v1/openai/audio/speech"),
        ("together_ai", "speech", "https://api.together.ai/v1/audio/speech"),
        ("ovhcloud", "transcription", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1/audio/transcriptions"),
        ("scaleway", "transcription", "https://api.scaleway.ai/v1/audio/transcriptions"),
    ],
)
def test_operations_are_where_the_vendors_say(vendor: str, operation: Any, url: str):
    provider = getattr(pack, vendor)
    assert operation in provider.operations("m")
    found = provider.complete(Deployment("d", "g", vendor, "m", api_key=Secret("key")), {})
    assert provider.url(found, operation) == url
