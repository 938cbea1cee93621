"""Edits of images: tasks and services, and that what is signed is what is sent."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from nova_core.errors import BadRequestError, PayloadTooLargeError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import BLACK_HALF, HALF_MASK, WHITE_HALF, bench, edit_request
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.images import ImagesReply
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.wire.sigv4.signature import Keys, Scope, Unsigned, sign
from nova_plugin_bedrock import pictures
from nova_plugin_bedrock.provider import Bedrock

CANVAS = "amazon.nova-canvas-v1:0"
PNG = bytes(range(256)) * 20
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def edited(
    upstream: ScriptedUpstream, model: str, request: Request, drop: bool | None = None, **fields: Any
) -> tuple[ImagesReply, Call]:
    plugin = Bedrock(lambda: NOW)
    given = {"api_base": upstream.url, "api_key": Secret("a-bearer-token"), **fields}
    deployment = plugin.complete(Deployment("d", "g", "bedrock", model, **given), {})
    async with bench(plugin, deployment) as asking:
        reply = await asking.ask(request, CallOptions(drop_params=drop))
    assert isinstance(reply, Reply) and isinstance(reply.typed, ImagesReply) and asking.call is not None
    return reply.typed, asking.call


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            edit_request("g", PNG, mask=HALF_MASK, n="2", quality="high", seed="7", negative_prompt="dogs"),
            {
                "taskType": "INPAINTING",
                "inPaintingParams": {
                    "image": encoded(PNG),
                    "maskImage": encoded(BLACK_HALF),
                    "negativeText": "dogs",
                    "text": "a hat on the cat",
                },
                "imageGenerationConfig": {"numberOfImages": 2, "quality": "premium", "seed": 7},
            },
        ),
        (
            edit_request("g", PNG, taskType="OUTPAINTING", maskPrompt="the cat", outPaintingMode="PRECISE"),
            {
                "taskType": "OUTPAINTING",
                "outPaintingParams": {
                    "image": encoded(PNG),
                    "maskPrompt": "the cat",
                    "outPaintingMode": "PRECISE",
                    "text": "a hat on the cat",
                },
            },
        ),
        (
            edit_request("g", PNG, mask=HALF_MASK, taskType="OUTPAINTING"),
            {
                "taskType": "OUTPAINTING",
                "outPaintingParams": {
                    "image": encoded(PNG),
                    "maskImage": encoded(WHITE_HALF),
                    "text": "a hat on the cat",
                },
            },
        ),
        (
            edit_request("g", PNG, b"two", size="1024x512", similarityStrength="0.7"),
            {
                "taskType": "IMAGE_VARIATION",
                "imageVariationParams": {
                    "images": [encoded(PNG), encoded(b"two")],
                    "similarityStrength": 0.7,
                    "text": "a hat on the cat",
                },
                "imageGenerationConfig": {"width": 1024, "height": 512},
            },
        ),
        (
            edit_request("g", PNG, task_type="BACKGROUND_REMOVAL"),
            {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": encoded(PNG)}},
        ),
    ],
)
async def test_amazons_models_edit_in_tasks(
    upstream: ScriptedUpstream, request_: Request, expected: dict[str, Any]
) -> None:
    upstream.script("*", json={"images": ["aW1n"]})
    reply, _ = await edited(upstream, CANVAS, request_)
    assert [image.data for image in reply.images] == ["aW1n"]
    assert upstream.last.route == "/model/amazon.nova-canvas-v1%3A0/invoke"
    assert upstream.last.json == expected


@pytest.mark.parametrize(
    ("model", "request_", "expected"),
    [
        (
            "us.stability.stable-image-inpaint-v1:0",
            edit_request("g", PNG, mask=HALF_MASK, grow_mask="5", output_format="webp"),
            {
                "prompt": "a hat on the cat",
                "image": encoded(PNG),
                "mask": encoded(WHITE_HALF),
                "grow_mask": 5,
                "output_format": "webp",
            },
        ),
        (
            "stability.stable-image-search-replace-v1:0",
            edit_request("g", PNG, search_prompt="hat"),
            {"prompt": "a hat on the cat", "image": encoded(PNG), "search_prompt": "hat"},
        ),
        ("stability.stable-image-remove-background-v1:0", edit_request("g", PNG), {"image": encoded(PNG)}),
        (
            "stability.stable-style-transfer-v1:0",
            edit_request("g", PNG, b"two"),
            {"prompt": "a hat on the cat", "init_image": encoded(PNG), "style_image": encoded(b"two")},
        ),
        (
            "stability.stable-image-style-guide-v1:0",
            edit_request("g", PNG, size="1536x1024", fidelity="0.5"),
            {"prompt": "a hat on the cat", "image": encoded(PNG), "aspect_ratio": "3:2", "fidelity": 0.5},
        ),
        (
            "stability.sd3-5-large-v1:0",
            edit_request("g", PNG, strength="0.6"),
            {"mode": "image-to-image", "prompt": "a hat on the cat", "image": encoded(PNG), "strength": 0.6},
        ),
    ],
)
async def test_stabilitys_services_are_told_in_json(
    upstream: ScriptedUpstream, model: str, request_: Request, expected: dict[str, Any]
) -> None:
    upstream.script("*", json={"seeds": [1], "finish_reasons": [None], "images": ["aW1n"]})
    reply, _ = await edited(upstream, model, request_)
    assert [image.data for image in reply.images] == ["aW1n"]
    assert upstream.last.json == expected


async def test_what_is_signed_is_what_is_sent(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={"images": ["aW1n"]})
    keys = {
        "aws_access_key_id": "AKIDEXAMPLE",
        "aws_secret_access_key": "secret-of-the-key",
        "aws_region_name": "us-east-1",
    }
    await edited(upstream, CANVAS, edit_request("g", PNG), api_key=None, settings=keys)
    received = upstream.last
    url = f"{upstream.url}/model/amazon.nova-canvas-v1%3A0/invoke"
    unsigned = Unsigned("POST", url, (("Content-Type", "application/json"),), received.body)
    expected = dict(
        sign(unsigned, Keys("AKIDEXAMPLE", Secret("secret-of-the-key"), None), Scope("us-east-1", "bedrock", NOW))
    )
    assert received.header("authorization") == expected["Authorization"]


@pytest.mark.parametrize(
    ("model", "request_", "name"),
    [
        (CANVAS, edit_request("g", PNG, mask=b"m", size="512x512"), "size"),
        (CANVAS, edit_request("g", PNG, mask=b"m", taskType="IMAGE_VARIATION"), "mask"),
        (CANVAS, edit_request("g", PNG, response_format="url"), "response_format"),
        (CANVAS, edit_request("g", PNG, steps="4"), "steps"),
        ("stability.stable-outpaint-v1:0", edit_request("g", PNG, mask=b"m"), "mask"),
        ("stability.stable-image-inpaint-v1:0", edit_request("g", PNG, size="512x512"), "size"),
        ("stability.stable-image-inpaint-v1:0", edit_request("g", PNG, n="2"), "n"),
    ],
)
async def test_what_a_task_cannot_say_is_refused_or_dropped(
    upstream: ScriptedUpstream, model: str, request_: Request, name: str
) -> None:
    upstream.script("*", json={"images": ["aW1n"]})
    with pytest.raises(UnsupportedParamsError, match=f"`{name}`"):
        await edited(upstream, model, request_)
    _, call = await edited(upstream, model, request_, drop=True)
    assert name in call.fidelity.dropped


@pytest.mark.parametrize(
    ("model", "request_", "words"),
    [
        (CANVAS, edit_request("g", PNG, taskType="TEXT_IMAGE"), "taskType"),
        (CANVAS, edit_request("g", PNG, PNG, mask=b"m"), "one image"),
        ("stability.stable-image-core-v1:1", edit_request("g", PNG), "edits no images"),
        ("stability.stable-outpaint-v1:0", edit_request("g", PNG, PNG), "1 image at most"),
    ],
)
async def test_what_no_model_can_do_is_refused(
    upstream: ScriptedUpstream, model: str, request_: Request, words: str
) -> None:
    with pytest.raises(BadRequestError, match=words):
        await edited(upstream, model, request_)
    assert upstream.requests == []


async def test_images_that_are_too_large_are_not_gathered(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_SENT", 1000)
    with pytest.raises(PayloadTooLargeError, match="1000 bytes"):
        await edited(upstream, CANVAS, edit_request("g", PNG))
    assert upstream.requests == []
