"""fal: where models are, what they are told of an image, and what they answer."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, BadRequestError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import BLACK_HALF, HALF_MASK, WHITE_HALF, bench, edit_request
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_plugin_fal_ai import plugin

FLUX = "fal-ai/flux/dev"
KEY = "fal-key-123456"


def drawn(**members: Any) -> Request:
    return Request("image_generation", OPENAI_IMAGES, {"model": "public", "prompt": "a cat", **members})


def attempted(model: str, drop: bool | None = None, **members: Any) -> tuple[Call, Exchange]:
    where = plugin.complete(Deployment("d", "public", "fal_ai", model), {"FAL_KEY": KEY})
    request = drawn(**members)
    call = Call(request, options=CallOptions(drop_params=drop))
    return call, plugin.provider_call(call, request, where)


def test_a_model_of_images_has_an_address_and_inputs_of_its_own():
    _, exchange = attempted(FLUX, n=2, size="512x768", output_format="png", guidance_scale=3.5)
    assert exchange.request.url == "https://fal.run/fal-ai/flux/dev"
    assert dict(exchange.request.headers)["Authorization"] == f"Key {KEY}"
    assert json.loads(exchange.request.body or b"") == {
        "prompt": "a cat",
        "num_images": 2,
        "output_format": "png",
        "guidance_scale": 3.5,
        "image_size": {"width": 512, "height": 768},
    }


def test_some_models_are_told_a_shape():
    call, exchange = attempted("fal-ai/imagen4/preview", size="1792x1024")
    assert json.loads(exchange.request.body or b"") == {"prompt": "a cat", "aspect_ratio": "16:9"}
    assert [note.field for note in call.fidelity.notes] == ["size"]


def test_what_cannot_be_said_is_refused_or_dropped():
    with pytest.raises(UnsupportedParamsError, match="style"):
        attempted(FLUX, style="vivid")
    call, _ = attempted(FLUX, drop=True, style="vivid", quality="hd", user="u")
    assert set(call.fidelity.dropped) == {"style", "quality", "user"}
    with pytest.raises(BadRequestError, match="WIDTHxHEIGHT"):
        attempted(FLUX, size="large")


def test_answers_of_one_image_and_of_several_are_read():
    _, exchange = attempted(FLUX)
    for body in ({"images": [{"url": "https://x/a"}]}, {"image": {"url": "https://x/a"}}, {"images": ["https://x/a"]}):
        reply = exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
        assert reply.get("data") == [{"url": "https://x/a"}]
    with pytest.raises(BadGatewayError, match="not found"):
        exchange.read(UpstreamResponse(200, {}, b'{"detail": "model not found"}'))


async def test_images_are_fetched_for_those_who_want_their_data(upstream: ScriptedUpstream):
    upstream.script(f"/{FLUX}", json={"images": [{"url": f"{upstream.url}/file.png"}]})
    upstream.script("/file.png", body=b"\x89PNG", headers={"content-type": "image/png"})
    where = plugin.complete(Deployment("d", "public", "fal_ai", FLUX, api_base=upstream.url), {"FAL_KEY": KEY})
    async with bench(plugin, where) as asking:
        reply = await asking.ask(drawn(response_format="b64_json"))
    assert [image.data for image in reply.typed.images] == [base64.b64encode(b"\x89PNG").decode()]
    assert upstream.last.header("authorization") is None


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("fal-ai/flux-pro/kontext", {"image_url": "data:image/png;base64,YQ==", "aspect_ratio": "16:9"}),
        (
            "fal-ai/flux-2/edit",
            {"image_urls": ["data:image/png;base64,YQ=="], "image_size": {"width": 1792, "height": 1024}},
        ),
        ("fal-ai/nano-banana/edit", {"image_urls": ["data:image/png;base64,YQ=="], "aspect_ratio": "16:9"}),
    ],
)
async def test_images_to_edit_stand_in_the_request(upstream: ScriptedUpstream, model: str, expected: dict[str, Any]):
    upstream.script("*", json={"images": [{"url": "https://fal.media/a.png"}]})
    where = plugin.complete(Deployment("d", "public", "fal_ai", model, api_base=upstream.url), {"FAL_KEY": KEY})
    async with bench(plugin, where) as asking:
        reply = await asking.ask(edit_request("public", b"a", n="2", size="1792x1024", guidance_scale="3.5"))
        with pytest.raises(UnsupportedParamsError, match="mask"):
            await asking.ask(edit_request("public", b"a", mask=b"m"))
    assert reply.typed.images[0].url == "https://fal.media/a.png"
    assert upstream.last.route == f"/{model}"
    assert upstream.last.json == {"prompt": "a hat on the cat", "num_images": 2, "guidance_scale": 3.5, **expected}


async def test_masks_and_several_images_go_to_models_that_take_them(upstream: ScriptedUpstream):
    upstream.script("*", json={"images": [{"url": "https://fal.media/a.png"}]})
    given = Deployment("d", "public", "fal_ai", "fal-ai/flux-pro/v1/fill", api_base=upstream.url)
    async with bench(plugin, plugin.complete(given, {"FAL_KEY": KEY})) as asking:
        await asking.ask(edit_request("public", b"a", mask=HALF_MASK))
        assert asking.call is not None
        assert [note.field for note in asking.call.fidelity.notes] == ["mask"]
        with pytest.raises(BadRequestError, match="1 image at most"):
            await asking.ask(edit_request("public", b"a", b"b"))
        await asking.ask(edit_request("public", b"a", b"b", mask=HALF_MASK), model="fal-ai/gpt-image-1.5/edit")
        assert asking.call.fidelity.notes == ()
        await asking.ask(edit_request("public", b"a", mask=HALF_MASK), model="fal-ai/ideogram/v3/edit")
    first, second, third = (received.json for received in upstream.requests)
    urls = [
        f"data:image/png;base64,{base64.b64encode(each).decode()}"
        for each in (b"a", b"b", HALF_MASK, WHITE_HALF, BLACK_HALF)
    ]
    assert first == {"prompt": "a hat on the cat", "image_url": urls[0], "mask_url": urls[3]}
    assert second == {"prompt": "a hat on the cat", "image_urls": urls[:2], "mask_image_url": urls[2]}
    assert third["mask_url"] == urls[4]
