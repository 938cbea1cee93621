"""Gemini's images: what is asked as content, and what of the answer is an image."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from google.genai import types as genai

from nova_core.errors import BadGatewayError, BadRequestError, ContentPolicyViolationError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, edit_request, images_request
from nova_core.types.call import CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.images import ImagesReply
from nova_core.types.message import Reply
from nova_core.types.secret import Secret
from nova_core.types.usage import Units, Usage
from nova_plugin_gemini import plugin

MODEL = "gemini-3-pro-image-preview"
USED = {
    "promptTokenCount": 300,
    "candidatesTokenCount": 1310,
    "totalTokenCount": 1610,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 42}, {"modality": "IMAGE", "tokenCount": 258}],
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
}
DRAFT = {"inlineData": {"mimeType": "image/png", "data": "ZHJhZnQ="}, "thought": True}
DRAWN = {"inlineData": {"mimeType": "image/png", "data": "aW1n"}}


def answer(*parts: dict[str, Any], finish: str = "STOP") -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish, "index": 0}
    return {"candidates": [candidate], "usageMetadata": USED, "modelVersion": MODEL}


@pytest.fixture
async def at(upstream: ScriptedUpstream):
    given = Deployment("d", "g", "gemini", MODEL, api_base=f"{upstream.url}/v1beta", api_key=Secret("the-key"))
    async with bench(plugin, plugin.complete(given, {})) as made:
        yield made


async def test_an_image_is_asked_for_as_content_and_its_drafts_are_none(upstream, at):
    upstream.script(MODEL, json=answer(DRAFT, {"text": "Here it is."}, DRAWN))
    reply = await at.ask(images_request("g", size="1792x1024", seed=7, quality="high", personGeneration="ALLOW_NONE"))
    assert isinstance(reply, Reply) and isinstance(reply.typed, ImagesReply)
    assert ([image.data for image in reply.typed.images], reply.typed.output_format) == (["aW1n"], "png")
    assert reply.usage == Usage(input=42, input_image=258, output=20, output_image=1290, units=Units(images=1))
    assert upstream.last.path == f"/v1beta/models/{MODEL}:generateContent"
    body = upstream.last.json
    genai.GenerateContentConfig.model_validate(body["generationConfig"])
    image = {"aspectRatio": "16:9", "imageSize": "2K", "personGeneration": "ALLOW_NONE"}
    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "seed": 7, "imageConfig": image},
    }
    assert {note.field for note in at.call.fidelity.notes} == {"size", "quality"}


async def test_an_edit_brings_its_images_as_data(upstream, at):
    upstream.script(MODEL, json=answer(DRAWN))
    first, second = bytes(range(256)) * 3000, b"\x89PNG second"
    reply = await at.ask(edit_request("g", first, second, temperature="0.5"))
    assert reply.typed.images[0].data == "aW1n"
    body = upstream.last.json
    *images, text = body["contents"][0]["parts"]
    assert [base64.b64decode(each["inlineData"]["data"]) for each in images] == [first, second]
    assert {each["inlineData"]["mimeType"] for each in images} == {"image/png"}
    assert text == {"text": "a hat on the cat"}
    assert body["generationConfig"]["temperature"] == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("style", "vivid"),
        ("background", "transparent"),
        ("output_format", "webp"),
        ("response_format", "url"),
        ("size", "large"),
        ("negative_prompt", "dogs"),
    ],
)
async def test_what_cannot_be_said_is_refused_or_dropped(upstream, at, name, value):
    upstream.script(MODEL, json=answer(DRAWN))
    with pytest.raises(UnsupportedParamsError) as refused:
        await at.ask(images_request("g", **{name: value}))
    assert refused.value.param == name
    await at.ask(images_request("g", **{name: value}), CallOptions(drop_params=True))
    assert name in at.call.fidelity.dropped


async def test_masks_and_too_many_images_are_refused(upstream, at):
    with pytest.raises(UnsupportedParamsError, match="mask"):
        await at.ask(edit_request("g", b"a", mask=b"m"))
    with pytest.raises(BadRequestError, match="14 images"):
        await at.ask(edit_request("g", *[b"a"] * 15))
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("replied", "expected"),
    [
        (answer(finish="IMAGE_SAFETY"), ContentPolicyViolationError),
        ({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USED}, ContentPolicyViolationError),
        (answer({"text": "I would rather talk."}), BadGatewayError),
    ],
)
async def test_an_answer_without_an_image_is_an_error(upstream, at, replied, expected):
    upstream.script(MODEL, json=replied)
    with pytest.raises(expected):
        await at.ask(images_request("g"))


def test_models_that_make_no_images_say_so():
    assert "image_edit" in plugin.operations("")
    assert "image_generation" in plugin.operations(MODEL)
    assert not {"image_generation", "image_edit"} & plugin.operations("gemini-2.5-flash")
