"""Topaz Labs: services, forms, tasks and what ends them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from nova_core.errors import AuthenticationError, BadGatewayError, BadRequestError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate
from nova_core.types.message import Request
from nova_core.types.upload import File, InMemory
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.openai_image_variations import OPENAI_IMAGE_VARIATIONS
from nova_plugin_topaz import plugin

KEY = "topaz-key-123456"
HOST = "https://api.topazlabs.com/image/v1"


def varied(**members: Any) -> Request:
    image = File("cat.tif", "image/tiff", InMemory(b"tiff"))
    return Request("image_variation", OPENAI_IMAGE_VARIATIONS, {"model": "public", "image": image, **members})


def deployed(model: str = "Standard V2", **fields: Any) -> Deployment:
    return plugin.complete(Deployment("d", "public", "topaz", model, **fields), {"TOPAZ_API_KEY": KEY})


def attempted(model: str = "Standard V2", drop: bool | None = None, **members: Any) -> tuple[Call, Exchange]:
    request = varied(**members)
    call = Call(request, options=CallOptions(drop_params=drop))
    return call, plugin.provider_call(call, request, deployed(model))


def answer(exchange: Exchange, body: Any) -> Any:
    return exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("model", "service"),
    [
        ("Standard V2", "enhance"),
        ("Upscale High Fidelity V3", "enhance"),
        ("A Model Of Tomorrow", "enhance"),
        ("Wonder 3.5", "enhance-gen"),
        ("Standard MAX", "enhance-gen"),
        ("Recovery V2", "enhance-gen"),
        ("Standard", "sharpen"),
        ("Lens Blur V2", "sharpen"),
        ("Super Focus V2", "sharpen-gen"),
        ("Extreme", "denoise"),
        ("Dust-Scratch V2", "restore-gen"),
        ("White Balance", "lighting"),
        ("Object", "matting"),
        ("Transparency Upscale", "tool"),
    ],
)
def test_the_model_says_which_service_is_asked(model: str, service: str):
    assert attempted(model)[1].request.url == f"{HOST}/{service}/async"


@pytest.mark.parametrize("base", ["", "/image/v1", "/image/v1/denoise", "/image/v1/denoise/async", "/image/v1/"])
async def test_a_service_can_be_named_and_a_base_may_end_in_its_path(upstream: ScriptedUpstream, base: str):
    upstream.script("*", json={"process_id": "a/b", "status": "Cancelled"})
    async with bench(plugin, deployed("denoise/Strong", api_base=f"{upstream.url}/proxy{base}")) as asking:
        with pytest.raises(BadGatewayError, match="ended as Cancelled"):
            await asking.ask(varied())
    assert upstream.last.route == "/proxy/image/v1/denoise/async"
    assert {part.name: part.content for part in upstream.last.form} == {"model": b"Strong", "image": b"tiff"}


async def test_a_task_is_asked_about_until_it_is_done_and_its_image_is_fetched(upstream: ScriptedUpstream):
    upstream.script("/image/v1/enhance-gen/async", json={"process_id": "a/b", "source_id": "s", "eta": 1617220000})
    for status in ("Pending", "Processing", "Completed"):
        upstream.script("/image/v1/status/a%2Fb", json={"process_id": "a/b", "status": status})
    upstream.script("/image/v1/download/a%2Fb", json={"download_url": f"{upstream.url}/a.png", "expiry": 1617223600})
    upstream.script("/a.png", body=b"\x89PNG", headers={"content-type": "image/png"})
    asked = varied(
        size="2048x1024", output_format="png", prompt="1984", creativity="3", crop_to_fill="true",
        response_format="b64_json", n="1", user="u",
    )  # fmt: skip
    async with bench(plugin, deployed("Bloom 2", api_base=upstream.url)) as asking:
        asking.waits = False
        reply = await asking.ask(asked)
        assert asking.call is not None
        assert [(note.field, note.fate) for note in asking.call.fidelity.notes] == [
            ("n", Fate.HINT),
            ("user", Fate.HINT),
        ]
    assert reply.typed.images[0].data == base64.b64encode(b"\x89PNG").decode()
    assert {part.name: part.content for part in upstream.requests[0].form} == {
        "model": b"Bloom 2",
        "creativity": b"3",
        "crop_to_fill": b"true",
        "prompt": b"1984",
        "output_format": b"png",
        "output_width": b"2048",
        "output_height": b"1024",
        "image": b"tiff",
    }
    assert [(each.method, each.route, each.header("x-api-key")) for each in upstream.requests] == [
        ("POST", "/image/v1/enhance-gen/async", KEY),
        *[("GET", "/image/v1/status/a%2Fb", KEY)] * 3,
        ("GET", "/image/v1/download/a%2Fb", KEY),
        ("GET", "/a.png", None),
    ]


def test_a_task_that_is_done_is_asked_at_once_where_its_image_is():
    polled = answer(attempted(response_format="url")[1], {"process_id": "t", "source_id": "s", "eta": 1})
    assert (polled.request.url, polled.wait > 0) == (f"{HOST}/status/t", True)
    located = answer(polled, {"process_id": "t", "status": "Completed"})
    assert (located.request.url, located.wait) == (f"{HOST}/download/t", 0)
    reply = answer(located, {"download_url": "https://cdn.test/a.jpeg", "head_url": "", "expiry": 1})
    assert reply.get("data") == [{"url": "https://cdn.test/a.jpeg"}]


def test_what_a_form_has_no_field_for_is_refused_or_dropped():
    cases = [("Standard V2", "n", "2"), ("Standard V2", "style", "vivid"), ("White Balance", "size", "512x512")]
    for model, name, value in cases:
        with pytest.raises(UnsupportedParamsError, match=name):
            attempted(model, **{name: value})
        assert name in attempted(model, True, **{name: value})[0].fidelity.dropped
    with pytest.raises(BadRequestError, match="WIDTHxHEIGHT"):
        attempted(size="large")


def test_what_fails_is_told():
    exchange = attempted()[1]
    for body, words in (
        ({"process_id": "t", "status": "Failed"}, "ended as Failed"),
        ({"message": "no such image"}, "no such image"),
        ({"status": "Completed"}, "ended as Completed"),
    ):
        with pytest.raises(BadGatewayError, match=words):
            answer(exchange, body)
    said = json.dumps({"code": 402, "message": f"no credits for {KEY}"}).encode()
    refused = exchange.read_error(UpstreamResponse(402, {}, said))
    assert (refused.status, "no credits" in refused.message, KEY in refused.message) == (402, True, False)


def test_without_a_key_nothing_is_asked():
    where = plugin.complete(Deployment("d", "public", "topaz", "Standard V2"), {})
    with pytest.raises(AuthenticationError, match="TOPAZ_API_KEY"):
        plugin.provider_call(Call(varied()), varied(), where)
