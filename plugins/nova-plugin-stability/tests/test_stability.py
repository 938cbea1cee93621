"""Stability AI: services, forms and answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, ContentPolicyViolationError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench
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
