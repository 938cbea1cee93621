"""Images on Vertex AI: predictions of Imagen, and content of Gemini's models."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, BadRequestError, ContentPolicyViolationError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import HALF_MASK, WHITE_HALF, bench, edit_request, images_request
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.images import ImagesReply
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.usage import Units, Usage
from nova_plugin_vertex_ai.provider import VertexAI

IMAGEN = "imagen-4.0-generate-001"
EDITOR = "imagen-3.0-capability-001"
MODELS = "/v1/projects/p/locations/us-central1/publishers/google/models"


def deployment(model: str, base: str | None = None) -> Deployment:
    given = Deployment("d", "g", "vertex_ai", model, api_base=base, api_key=Secret("ya29.t"))
    return VertexAI().complete(given, {"VERTEXAI_PROJECT": "p"})


async def drawn(
    upstream: ScriptedUpstream, model: str, request: Request, drop: bool | None = None
) -> tuple[ImagesReply, Call]:
    async with bench(VertexAI(), deployment(model, upstream.url)) as asking:
        reply = await asking.ask(request, CallOptions(drop_params=drop))
    assert isinstance(reply, Reply) and isinstance(reply.typed, ImagesReply) and asking.call is not None
    return reply.typed, asking.call


def predictions(*made: dict[str, Any]) -> dict[str, Any]:
    return {"predictions": list(made)}


PNG = {"mimeType": "image/png", "bytesBase64Encoded": "aW1n", "prompt": "a tabby cat"}


async def test_imagen_predicts_as_many_images_as_are_asked_for(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json=predictions(PNG, {"raiFilteredReason": "unsafe"}))
    request = images_request(
        "g", n=2, size="1792x1024", output_format="jpeg", output_compression=80, seed=3, addWatermark=False
    )
    reply, call = await drawn(upstream, IMAGEN, request)
    assert (upstream.last.path, upstream.last.header("authorization")) == (
        f"{MODELS}/{IMAGEN}:predict",
        "Bearer ya29.t",
    )
    assert upstream.last.json == {
        "instances": [{"prompt": "a cat"}],
        "parameters": {
            "sampleCount": 2,
            "includeRaiReason": True,
            "outputOptions": {"mimeType": "image/jpeg", "compressionQuality": 80},
            "aspectRatio": "16:9",
            "sampleImageSize": "2K",
            "seed": 3,
            "addWatermark": False,
        },
    }
    assert [(image.data, image.revised_prompt) for image in reply.images] == [("aW1n", "a tabby cat")]
    assert (reply.output_format, reply.usage) == ("png", Usage(units=Units(images=1)))
    assert [note.field for note in call.fidelity.notes] == ["size"]


async def test_one_image_is_made_of_one_that_is_not_counted(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json=predictions({"gcsUri": "gs://b/1.png", "mimeType": "image/png"}))
    reply, _ = await drawn(upstream, "imagen-3.0-generate-002", images_request("g", storageUri="gs://b"))
    assert upstream.last.json["parameters"] == {"sampleCount": 1, "includeRaiReason": True, "storageUri": "gs://b"}
    assert reply.images[0].url == "gs://b/1.png"


async def test_an_edit_has_reference_images_and_a_mask(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json=predictions(PNG))
    picture = bytes(range(256)) * 2000
    request = edit_request("g", picture, mask=HALF_MASK, n="2", guidanceScale="60", baseSteps="35", maskDilation="0.01")
    _, call = await drawn(upstream, EDITOR, request)
    assert upstream.last.path == f"{MODELS}/{EDITOR}:predict"
    assert upstream.last.json == {
        "instances": [
            {
                "prompt": "a hat on the cat",
                "referenceImages": [
                    {
                        "referenceType": "REFERENCE_TYPE_RAW",
                        "referenceId": 1,
                        "referenceImage": {"bytesBase64Encoded": base64.b64encode(picture).decode()},
                    },
                    {
                        "referenceType": "REFERENCE_TYPE_MASK",
                        "referenceId": 2,
                        "referenceImage": {"bytesBase64Encoded": base64.b64encode(WHITE_HALF).decode()},
                        "maskImageConfig": {"maskMode": "MASK_MODE_USER_PROVIDED", "dilation": 0.01},
                    },
                ],
            }
        ],
        "parameters": {
            "sampleCount": 2,
            "includeRaiReason": True,
            "editMode": "EDIT_MODE_INPAINT_INSERTION",
            "editConfig": {"baseSteps": 35},
            "guidanceScale": 60,
        },
    }
    assert [note.field for note in call.fidelity.notes] == ["mask"]


async def test_a_mask_can_be_found_by_the_model(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json=predictions(PNG))
    request = edit_request("g", b"png", maskMode="MASK_MODE_BACKGROUND", editMode="EDIT_MODE_BGSWAP")
    await drawn(upstream, EDITOR, request)
    body = upstream.last.json
    assert body["instances"][0]["referenceImages"][1] == {
        "referenceType": "REFERENCE_TYPE_MASK",
        "referenceId": 2,
        "maskImageConfig": {"maskMode": "MASK_MODE_BACKGROUND"},
    }
    assert body["parameters"]["editMode"] == "EDIT_MODE_BGSWAP"
    await drawn(upstream, EDITOR, edit_request("g", b"png"))
    assert len(upstream.last.json["instances"][0]["referenceImages"]) == 1
    assert "editMode" not in upstream.last.json["parameters"]


@pytest.mark.parametrize(
    ("model", "asked", "name"),
    [
        (IMAGEN, images_request("g", style="vivid"), "style"),
        (IMAGEN, images_request("g", output_format="webp"), "output_format"),
        (IMAGEN, images_request("g", response_format="url"), "response_format"),
        (IMAGEN, images_request("g", size="wide"), "size"),
        (EDITOR, edit_request("g", b"png", size="1024x1024"), "size"),
        (EDITOR, edit_request("g", b"png", background="transparent"), "background"),
    ],
)
async def test_what_cannot_be_said_is_refused_or_dropped(
    upstream: ScriptedUpstream, model: str, asked: Request, name: str
) -> None:
    upstream.script("*", json=predictions(PNG))
    with pytest.raises(UnsupportedParamsError, match=f"`{name}`"):
        await drawn(upstream, model, asked)
    _, call = await drawn(upstream, model, asked, drop=True)
    assert name in call.fidelity.dropped


async def test_one_image_is_edited_at_a_time(upstream: ScriptedUpstream) -> None:
    with pytest.raises(BadRequestError, match="1 image at most"):
        await drawn(upstream, EDITOR, edit_request("g", b"one", b"two"))


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (predictions({"raiFilteredReason": "it violated our policies"}), ContentPolicyViolationError, "our policies"),
        ({}, BadGatewayError, "no images"),
        (predictions({"mimeType": "image/png"}), BadGatewayError, "no images"),
        ({"predictions": "none"}, BadGatewayError, "no images"),
    ],
)
async def test_images_that_are_held_back_are_told(
    upstream: ScriptedUpstream, answer: dict[str, Any], expected: type[Exception], words: str
) -> None:
    upstream.script("*", json=answer)
    with pytest.raises(expected, match=words):
        await drawn(upstream, IMAGEN, images_request("g"))


async def test_geminis_images_come_in_the_format_that_is_asked_for(upstream: ScriptedUpstream) -> None:
    part = {"inlineData": {"mimeType": "image/jpeg", "data": "aW1n"}}
    upstream.script("*", json={"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]})
    asked = {"output_format": "jpeg", "output_compression": 70, "size": "1024x1024"}
    for request in (images_request("g", **asked), edit_request("g", b"png", **asked)):
        reply, _ = await drawn(upstream, "gemini-2.5-flash-image", request)
        assert (reply.images[0].data, reply.output_format) == ("aW1n", "jpeg")
        assert upstream.last.path == f"{MODELS}/gemini-2.5-flash-image:generateContent"
        assert upstream.last.json["generationConfig"]["imageConfig"] == {
            "aspectRatio": "1:1",
            "imageOutputOptions": {"mimeType": "image/jpeg", "compressionQuality": 70},
        }


def test_families_say_what_they_serve() -> None:
    assert VertexAI().operations(IMAGEN) == {"image_generation", "image_edit"}
    assert {"image_generation", "image_edit", "chat"} <= VertexAI().operations("gemini-2.5-flash-image")
    assert "image_edit" not in VertexAI().operations("claude-sonnet-4-5")
