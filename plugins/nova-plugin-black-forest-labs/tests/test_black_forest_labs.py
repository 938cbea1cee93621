"""Black Forest Labs: tasks, questions about them, and what ends them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    UnsupportedParamsError,
)
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import HALF_MASK, WHITE_HALF, bench, edit_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_plugin_black_forest_labs import plugin

KEY = "bfl-key-123456"


def drawn(**members: Any) -> Request:
    return Request("image_generation", OPENAI_IMAGES, {"model": "public", "prompt": "a cat", **members})


def deployed(model: str = "flux-2-pro", **fields: Any) -> Deployment:
    return plugin.complete(Deployment("d", "public", "black_forest_labs", model, **fields), {"BFL_API_KEY": KEY})


def attempted(model: str = "flux-2-pro", **members: Any) -> Exchange:
    exchange: Exchange = plugin.provider_call(Call(drawn(**members)), drawn(**members), deployed(model))
    return exchange


def answer(exchange: Exchange, body: Any) -> Any:
    return exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))


def test_a_task_says_size_or_shape():
    exchange = attempted(size="1024x768", output_format="png", seed=4)
    assert exchange.request.url == "https://api.bfl.ai/v1/flux-2-pro"
    assert dict(exchange.request.headers)["x-key"] == KEY
    body = {"prompt": "a cat", "seed": 4, "output_format": "png", "width": 1024, "height": 768}
    assert json.loads(exchange.request.body or b"") == body
    shaped = attempted("flux-kontext-pro", size="1792x1024")
    assert json.loads(shaped.request.body or b"") == {"prompt": "a cat", "aspect_ratio": "16:9"}
    with pytest.raises(UnsupportedParamsError, match="n"):
        attempted(n=2)


async def test_a_task_is_asked_about_until_it_is_done(upstream: ScriptedUpstream):
    url = f"{upstream.url}/v1/get_result?id=t"
    upstream.script("/v1/flux-2-pro", json={"id": "t", "polling_url": url})
    upstream.script("/v1/get_result?id=t", json={"id": "t", "status": "Pending"})
    done = {"id": "t", "status": "Ready", "result": {"sample": f"{upstream.url}/a.png"}}
    upstream.script("/v1/get_result?id=t", json=done)
    upstream.script("/a.png", body=b"\x89PNG", headers={"content-type": "image/png"})
    async with bench(plugin, deployed(api_base=upstream.url)) as asking:
        reply = await asking.ask(drawn(response_format="b64_json"))
    assert reply.typed.images[0].data == base64.b64encode(b"\x89PNG").decode()
    assert [(each.method, each.route, each.header("x-key")) for each in upstream.requests] == [
        ("POST", "/v1/flux-2-pro", KEY),
        ("GET", "/v1/get_result", KEY),
        ("GET", "/v1/get_result", KEY),
        ("GET", "/a.png", None),
    ]


def test_regions_are_asked_and_strangers_are_not():
    exchange = attempted()
    polled = answer(exchange, {"id": "t", "polling_url": "https://api.eu1.bfl.ai/v1/get_result?id=t"})
    assert (polled.request.method, polled.wait > 0) == ("GET", True)
    ready = answer(polled, {"id": "t", "status": "Ready", "result": {"sample": "https://cdn.test/a.png"}})
    assert ready.get("data") == [{"url": "https://cdn.test/a.png"}]
    for stranger in ("https://evil.test/bfl.ai", "http://api.eu1.bfl.ai/x", "https://bfl.ai.evil.test/"):
        with pytest.raises(BadGatewayError, match="another host"):
            answer(exchange, {"id": "t", "polling_url": stranger})


def test_what_is_moderated_or_fails_is_told():
    exchange = attempted()
    with pytest.raises(ContentPolicyViolationError, match="Content Moderated"):
        answer(exchange, {"id": "t", "status": "Content Moderated"})
    with pytest.raises(BadGatewayError, match="out of memory"):
        answer(exchange, {"id": "t", "status": "Error", "details": "out of memory"})
    with pytest.raises(BadGatewayError, match="no task"):
        exchange.read(UpstreamResponse(200, {}, b"<html>"))
    with pytest.raises(BadGatewayError, match="no object"):
        answer(exchange, ["t"])
    error = exchange.read_error(UpstreamResponse(403, {}, json.dumps({"detail": f"bad key {KEY}"}).encode()))
    assert (error.status, KEY in error.message) == (403, False)


def test_without_a_key_nothing_is_asked():
    where = plugin.complete(Deployment("d", "public", "black_forest_labs", "flux-2-pro"), {})
    with pytest.raises(AuthenticationError, match="BFL_API_KEY"):
        plugin.provider_call(Call(drawn()), drawn(), where)


@pytest.mark.parametrize(
    ("model", "members", "expected"),
    [
        ("flux-kontext-pro", {"size": "1792x1024"}, {"input_image": "YQ==", "aspect_ratio": "16:9"}),
        (
            "flux-2-pro",
            {"size": "512x768", "seed": "7"},
            {"input_image": "YQ==", "width": 512, "height": 768, "seed": 7},
        ),
        ("flux-pro-1.0-expand", {"top": "128"}, {"image": "YQ==", "top": 128}),
        ("flux-pro-1.0-canny", {}, {"control_image": "YQ=="}),
        ("flux-pro-1.1-ultra", {}, {"image_prompt": "YQ=="}),
    ],
)
async def test_a_task_holds_the_image_that_it_edits(
    upstream: ScriptedUpstream, model: str, members: dict[str, Any], expected: dict[str, Any]
):
    upstream.script("*", json={"id": "t", "status": "Ready", "result": {"sample": "https://cdn.test/a.png"}})
    async with bench(plugin, deployed(model, api_base=upstream.url)) as asking:
        reply = await asking.ask(edit_request("public", b"a", **members))
    assert reply.typed.images[0].url == "https://cdn.test/a.png"
    assert upstream.last.route == f"/v1/{model}"
    assert upstream.last.json == {"prompt": "a hat on the cat", **expected}


async def test_several_images_are_numbered_and_masks_are_filled(upstream: ScriptedUpstream):
    upstream.script("*", json={"id": "t", "status": "Ready", "result": {"sample": "https://cdn.test/a.png"}})
    async with bench(plugin, deployed(api_base=upstream.url)) as asking:
        await asking.ask(edit_request("public", b"a", b"b", b"c"))
        await asking.ask(edit_request("public", b"a", mask=HALF_MASK), model="flux-pro-1.0-fill")
        with pytest.raises(BadRequestError, match="1 image at most"):
            await asking.ask(edit_request("public", b"a", b"b"), model="flux-pro-1.0-fill")
        for model, name, asked in (
            ("flux-kontext-pro", "mask", edit_request("public", b"a", mask=b"m")),
            ("flux-pro-1.0-fill", "size", edit_request("public", b"a", size="512x512")),
            ("flux-2-pro", "n", edit_request("public", b"a", n="2")),
        ):
            with pytest.raises(UnsupportedParamsError, match=name):
                await asking.ask(asked, model=model)
    several, filled = (received.json for received in upstream.requests)
    assert {name: several[name] for name in ("input_image", "input_image_2", "input_image_3")} == {
        "input_image": "YQ==",
        "input_image_2": "Yg==",
        "input_image_3": "Yw==",
    }
    assert filled == {"prompt": "a hat on the cat", "image": "YQ==", "mask": base64.b64encode(WHITE_HALF).decode()}
