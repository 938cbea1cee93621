"""Hugging Face: pipelines that make images, and that listen."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench
from nova_core.types.audio import TranscriptionReply
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.images import ImagesReply
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.upload import File, InMemory
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS
from nova_plugin_huggingface import plugin


def deployment(model: str = "org/m", **fields: Any) -> Deployment:
    made = Deployment(**{"id": "d", "group": "g", "provider": "huggingface", "model": model, **fields})
    completed: Deployment = plugin.complete(made, {"HF_TOKEN": "hf_secret"})
    return completed


def drawn(**members: Any) -> Request:
    return Request("image_generation", OPENAI_IMAGES, {"model": "g", "prompt": "A cat", **members})


def heard(**members: Any) -> Request:
    file = File("a.flac", "audio/flac", InMemory(b"sound"))
    return Request("transcription", OPENAI_TRANSCRIPTIONS, {"model": "g", "file": file, **members})


def test_the_vendors_own_service_runs_pipelines_and_other_providers_do_not() -> None:
    for request in (drawn(), heard()):
        asked = plugin.provider_call(Call(request), request, deployment("hf-inference/org/m")).request
        assert asked.url == "https://router.huggingface.co/hf-inference/models/org/m"
        with pytest.raises(BadRequestError, match="by fal-ai"):
            plugin.provider_call(Call(request), request, deployment("fal-ai/org/m"))


async def test_an_image_is_answered_as_data(upstream: ScriptedUpstream) -> None:
    upstream.script("*", body=b"img", headers={"content-type": "image/jpeg"})
    async with bench(plugin, deployment(api_base=f"{upstream.url}/sd", api_key=Secret("k"))) as asking:
        reply = await asking.ask(drawn(size="512x768", guidance_scale=7, n=1, user="u"))
        assert isinstance(reply, Reply) and isinstance(reply.typed, ImagesReply)
        assert [image.data for image in reply.typed.images] == [base64.b64encode(b"img").decode()]
        parameters = {"width": 512, "height": 768, "guidance_scale": 7}
        assert (upstream.last.route, upstream.last.json) == ("/sd", {"inputs": "A cat", "parameters": parameters})
        upstream.forget().script("*", json={"error": "model is loading"})
        with pytest.raises(BadGatewayError, match="loading"):
            await asking.ask(drawn())


async def test_audio_is_sent_as_it_is(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={"text": "Hello."})
    async with bench(plugin, deployment(api_base=upstream.url)) as asking:
        reply = await asking.ask(heard())
        assert isinstance(reply, Reply) and isinstance(reply.typed, TranscriptionReply)
        assert reply.typed.text == "Hello."
        assert (upstream.last.body, upstream.last.header("content-type")) == (b"sound", "audio/flac")
        upstream.forget().script("*", json={"error": "too long"})
        with pytest.raises(BadGatewayError, match="too long"):
            await asking.ask(heard())
