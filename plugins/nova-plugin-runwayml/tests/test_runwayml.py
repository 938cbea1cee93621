"""Runway: tasks, sizes, and what ends a task."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, ContentPolicyViolationError, UnsupportedParamsError
from nova_core.gateway.relay import chunks_of
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.events import Piece
from nova_core.types.message import Request, Stream
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_plugin_runwayml import plugin

KEY = "key_runway_123456"


def drawn(**members: Any) -> Request:
    return Request("image_generation", OPENAI_IMAGES, {"model": "public", "prompt": "a cat", **members})


def deployed(model: str = "gen4_image", **fields: Any) -> Deployment:
    return plugin.complete(Deployment("d", "public", "runwayml", model, **fields), {"RUNWAYML_API_SECRET": KEY})


def attempted(model: str = "gen4_image", **members: Any) -> tuple[Call, Exchange]:
    call = Call(drawn(**members))
    return call, plugin.provider_call(call, drawn(**members), deployed(model))


@pytest.mark.parametrize(
    ("model", "size", "ratio", "noted"),
    [
        ("gen4_image", None, "1024:1024", False),
        ("gen4_image", "1024x1024", "1024:1024", False),
        ("gen4_image_turbo", "1792x1024", "1920:1080", True),
        ("gen4_image", "1024x1792", "1080:1920", True),
        ("gemini_2.5_flash", "1344x768", "1344:768", False),
    ],
)
def test_sizes_are_those_that_a_model_makes(model: str, size: str | None, ratio: str, noted: bool):
    call, exchange = attempted(model, **({"size": size} if size else {}), seed=4)
    assert exchange.request.url == "https://api.dev.runwayml.com/v1/text_to_image"
    assert json.loads(exchange.request.body or b"") == {
        "model": model,
        "promptText": "a cat",
        "ratio": ratio,
        "seed": 4,
    }
    assert bool(call.fidelity.notes) is noted


async def test_a_task_is_asked_about_until_it_is_done(upstream: ScriptedUpstream):
    upstream.script("/v1/text_to_image", json={"id": "t/1"})
    upstream.script("/v1/tasks/t%2F1", json={"id": "t/1", "status": "RUNNING", "progress": 0.5})
    upstream.script("/v1/tasks/t%2F1", json={"id": "t/1", "status": "SUCCEEDED", "output": [f"{upstream.url}/a.png"]})
    upstream.script("/a.png", body=b"\x89PNG", headers={"content-type": "image/png"})
    async with bench(plugin, deployed(api_base=upstream.url)) as asking:
        reply = await asking.ask(drawn(response_format="b64_json"))
    assert reply.typed.images[0].data == base64.b64encode(b"\x89PNG").decode()
    *asked, fetched = upstream.requests
    assert [each.method for each in asked] == ["POST", "GET", "GET"]
    assert {each.header("authorization") for each in asked} == {f"Bearer {KEY}"}
    assert {each.header("x-runway-version") for each in asked} == {"2024-11-06"}
    assert fetched.header("authorization") is None


def test_what_is_unsafe_fails_or_cannot_be_said_is_told():
    _, exchange = attempted()
    for body, error, words in (
        ({"status": "FAILED", "failureCode": "SAFETY.INPUT.TEXT", "failure": "no"}, ContentPolicyViolationError, "no"),
        ({"status": "FAILED", "failureCode": "INTERNAL", "failure": "out of order"}, BadGatewayError, "out of order"),
        ({"status": "CANCELLED"}, BadGatewayError, "CANCELLED"),
    ):
        with pytest.raises(error, match=words):
            exchange.read(UpstreamResponse(200, {}, json.dumps({"id": "t", **body}).encode()))
    with pytest.raises(UnsupportedParamsError, match="style"):
        attempted(style="vivid")


def spoken(**members: Any) -> Request:
    return Request("speech", OPENAI_SPEECH, {"model": "public", "input": "Hi", "voice": "Maya", **members})


async def test_speech_is_a_task_whose_audio_is_passed_on_as_it_comes(upstream: ScriptedUpstream):
    upstream.script("/v1/text_to_speech", json={"id": "t1"})
    upstream.script("/v1/tasks/t1", json={"id": "t1", "status": "SUCCEEDED", "output": [f"{upstream.url}/a.mp3"]})
    upstream.script("/a.mp3", body=b"ID3audio", headers={"content-type": "audio/mpeg"})
    async with bench(plugin, deployed("eleven_multilingual_v2", api_base=upstream.url)) as asking:
        stream = await asking.ask(spoken(response_format="mp3"))
        assert isinstance(stream, Stream)
        assert stream.content_type == "audio/mpeg"
        pieces = [event async for chunk in chunks_of(stream) for event in chunk.events]
        assert pieces == [Piece(b"ID3audio")]
    task, _, fetched = upstream.requests
    voice = {"type": "runway-preset", "presetId": "Maya"}
    assert task.json == {"model": "eleven_multilingual_v2", "promptText": "Hi", "voice": voice}
    assert fetched.header("authorization") is None


async def test_a_task_of_speech_that_fails_says_why(upstream: ScriptedUpstream):
    upstream.script("/v1/text_to_speech", json={"id": "t1"})
    failed = {"id": "t1", "status": "FAILED"}
    async with bench(plugin, deployed("eleven_multilingual_v2", api_base=upstream.url)) as asking:
        for more, error in (
            ({"failureCode": "SAFETY.INPUT.TEXT", "failure": "not nice"}, ContentPolicyViolationError),
            ({"failureCode": "INTERNAL", "failure": "not nice"}, BadGatewayError),
        ):
            upstream.forget().script("/v1/text_to_speech", json={**failed, **more})
            with pytest.raises(error, match="not nice"):
                await asking.ask(spoken())
        for answer in ({"id": "t1", "status": "SUCCEEDED", "output": []}, {"status": "SUCCEEDED"}):
            upstream.forget().script("/v1/text_to_speech", json=answer)
            with pytest.raises(BadGatewayError, match="without an audio"):
                await asking.ask(spoken())


def test_what_a_voice_cannot_do_is_told():
    for members in ({"speed": 2}, {"instructions": "happily"}, {"response_format": "wav"}, {"other": 1}):
        with pytest.raises(UnsupportedParamsError, match=next(iter(members))):
            plugin.provider_call(Call(spoken()), spoken(**members), deployed("eleven_multilingual_v2"))
    asked = spoken(voice="data:audio/mp3;base64,AA==", response_format="opus", speechRate=-10)
    exchange = plugin.provider_call(Call(asked), asked, deployed("seed_audio"))
    assert json.loads(exchange.request.body or b"") == {
        "model": "seed_audio",
        "promptText": "Hi",
        "voice": {"type": "reference-audio", "audioUri": "data:audio/mp3;base64,AA=="},
        "outputFormat": "ogg_opus",
        "speechRate": -10,
    }
    with pytest.raises(UnsupportedParamsError, match="voice"):
        plugin.provider_call(Call(spoken()), spoken(), deployed("seed_audio"))
