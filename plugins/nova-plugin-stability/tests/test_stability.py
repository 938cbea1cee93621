"""Stability AI: services, forms and answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, BadRequestError, ContentPolicyViolationError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import HALF_MASK, WHITE_HALF, bench, edit_request
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_plugin_stability import plugin

KEY = "sk-stability-123456"


def drawn(**members: Any) -> Request:
    return Request("image_generation", OPENAI_IMAGES, {"model": "public", "prompt": "a cat", **members})


def deployed(model: str, **fields: Any) -> Deployment:
    return plugin.complete(Deployment("d", "public", "stability", model, **fields), {"STABILITY_API_KEY": KEY})


def attempted(model: str, drop: bool | None = None, **members: Any) -> tuple[Call, Exchange]:
    request = drawn(**members)
    call = Call(request, options=CallOptions(drop_params=drop))
    return call, plugin.provider_call(call, request, deployed(model))


@pytest.mark.parametrize(
    ("model", "service"),
    [("stable-image-ultra", "ultra"), ("stable-image-core", "core"), ("core", "core"), ("sd3.5-large", "sd3")],
)
def test_the_model_says_which_service_is_asked(model: str, service: str):
    _, exchange = attempted(model)
    assert exchange.request.url == f"https://api.stability.ai/v2beta/stable-image/generate/{service}"


async def test_a_form_is_sent_and_an_image_comes_back(upstream: ScriptedUpstream):
    upstream.script("*", json={"image": "iVBORw0KGgo=", "finish_reason": "SUCCESS", "seed": 1})
    async with bench(plugin, deployed("sd3.5-large", api_base=upstream.url)) as asking:
        reply = await asking.ask(drawn(size="1792x1024", output_format="webp", negative_prompt="dogs", seed=7))
        assert asking.call is not None
        assert [note.field for note in asking.call.fidelity.notes] == ["size"]
    assert reply.typed.images[0].data == "iVBORw0KGgo="
    received = upstream.last
    assert (received.header("authorization"), received.header("accept")) == (f"Bearer {KEY}", "application/json")
    assert (received.header("content-type") or "").startswith("multipart/form-data; boundary=")
    fields = {part.name: part.text for part in received.form}
    assert fields == {
        "prompt": "a cat",
        "negative_prompt": "dogs",
        "seed": "7",
        "model": "sd3.5-large",
        "output_format": "webp",
        "aspect_ratio": "16:9",
    }


def test_what_a_form_has_no_field_for_is_refused_or_dropped():
    for name, value in (("n", 2), ("style", "vivid"), ("response_format", "url")):
        with pytest.raises(UnsupportedParamsError, match=name):
            attempted("core", **{name: value})
        assert name in attempted("core", True, **{name: value})[0].fidelity.dropped


def test_filtered_images_and_errors_are_told():
    _, exchange = attempted("core")
    for body, error, words in (
        ({"finish_reason": "CONTENT_FILTERED", "image": "x"}, ContentPolicyViolationError, "filter"),
        ({"errors": ["prompt: too long"], "name": "bad_request"}, BadGatewayError, "too long"),
    ):
        with pytest.raises(error, match=words):
            exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
    refused = exchange.read_error(UpstreamResponse(402, {}, b'{"errors": ["no credits"], "name": "payment_required"}'))
    assert (refused.status, "no credits" in refused.message) == (402, True)


@pytest.mark.parametrize(
    ("model", "service", "fields"),
    [
        ("inpaint", "edit/inpaint", {"prompt", "image"}),
        ("stable-image-inpaint-v1:0", "edit/inpaint", {"prompt", "image"}),
        ("stable-outpaint-v1:0", "edit/outpaint", {"prompt", "image"}),
        ("stable-image-erase-object-v1:0", "edit/erase", {"image"}),
        ("stable-image-search-replace-v1:0", "edit/search-and-replace", {"prompt", "image"}),
        ("stable-image-remove-background-v1:0", "edit/remove-background", {"image"}),
        ("stable-fast-upscale-v1:0", "upscale/fast", {"image"}),
        ("stable-image-control-sketch-v1:0", "control/sketch", {"prompt", "image"}),
        ("stable-style-transfer-v1:0", "control/style-transfer", {"prompt", "init_image"}),
        ("sd3.5-large", "generate/sd3", {"prompt", "image", "model", "mode"}),
    ],
)
async def test_a_service_is_sent_an_image_under_its_own_name(
    upstream: ScriptedUpstream, model: str, service: str, fields: set[str]
):
    upstream.script("*", json={"image": "aW1n", "finish_reason": "SUCCESS"})
    async with bench(plugin, deployed(model, api_base=upstream.url)) as asking:
        reply = await asking.ask(edit_request("public", b"png"))
    assert reply.typed.images[0].data == "aW1n"
    assert upstream.last.route == f"/v2beta/stable-image/{service}"
    assert {part.name for part in upstream.last.form} == fields
    assert next(part for part in upstream.last.form if part.filename).content == b"png"


def test_a_model_says_whether_it_makes_or_edits_images():
    assert plugin.operations("stable-image-core") == {"image_generation"}
    assert plugin.operations("inpaint") == {"image_edit"}
    assert plugin.operations("sd3.5-large") == plugin.operations("") == {"image_generation", "image_edit"}


async def test_an_edit_has_a_mask_and_words_of_its_own(upstream: ScriptedUpstream):
    upstream.script("*", json={"image": "aW1n", "finish_reason": "SUCCESS"})
    asked = edit_request("public", b"png", mask=HALF_MASK, output_format="webp", grow_mask="5", search_prompt="1984")
    async with bench(plugin, deployed("inpaint", api_base=upstream.url)) as asking:
        await asking.ask(asked)
        assert asking.call is not None
        assert [note.field for note in asking.call.fidelity.notes] == ["mask"]
        two = edit_request("public", b"one", b"two", fidelity="0.5")
        await asking.ask(two, model="style-transfer")
        with pytest.raises(BadRequestError, match="1 image at most"):
            await asking.ask(two)
        with pytest.raises(BadRequestError, match="edits no images"):
            await asking.ask(two, model="stable-image-core")
        with pytest.raises(BadRequestError, match="must be a PNG"):
            await asking.ask(edit_request("public", b"png", mask=b"GIF89a"), model="inpaint")
        for name, value in (("n", "2"), ("size", "512x512"), ("background", "transparent")):
            with pytest.raises(UnsupportedParamsError, match=name):
                await asking.ask(edit_request("public", b"png", **{name: value}))
        with pytest.raises(UnsupportedParamsError, match="mask"):
            await asking.ask(asked, model="outpaint")
    first, second = ({part.name: part.content for part in received.form} for received in upstream.requests)
    assert first == {
        "prompt": b"a hat on the cat",
        "grow_mask": b"5",
        "search_prompt": b"1984",
        "output_format": b"webp",
        "image": b"png",
        "mask": WHITE_HALF,
    }
    assert (second["init_image"], second["style_image"], second["fidelity"]) == (b"one", b"two", b"0.5")


async def test_what_takes_longer_is_asked_about_until_it_is_done(upstream: ScriptedUpstream):
    upstream.script("/v2beta/stable-image/upscale/creative", json={"id": "a/b"})
    upstream.script("/v2beta/results/a%2Fb", json={"result": "aW1n", "finish_reason": "SUCCESS", "seed": 1})
    async with bench(plugin, deployed("upscale-creative", api_base=upstream.url)) as asking:
        asking.waits = False
        reply = await asking.ask(edit_request("public", b"png"))
    assert reply.typed.images[0].data == "aW1n"
    assert [(each.method, each.header("authorization")) for each in upstream.requests] == [
        ("POST", f"Bearer {KEY}"),
        ("GET", f"Bearer {KEY}"),
    ]
