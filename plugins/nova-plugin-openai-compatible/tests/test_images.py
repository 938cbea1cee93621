"""Images at the vendors of the table: what is asked where, what is waited for, and what comes of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from nova_core.errors import (
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    InternalServerError,
    UnsupportedParamsError,
)
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import (
    HALF_MASK,
    WHITE_HALF,
    ProviderBench,
    bench,
    edit_request,
    images_request,
)
from nova_core.types.call import CallOptions
from nova_core.types.images import ImagesReply
from nova_core.types.message import Reply, Request
from nova_core.types.usage import Units, Usage

from .vendors_asked import KEY, deployed, vendor_named

PNG = b"\x89PNG first"
URL, WHITE_URL = (f"data:image/png;base64,{base64.b64encode(each).decode()}" for each in (PNG, WHITE_HALF))
TASK = "/api/v1/services/aigc/text2image/image-synthesis"


def at(name: str, model: str, base: str) -> Any:
    """A bench of the vendor, whose address is the scripted upstream's."""
    return bench(vendor_named(name), deployed(name, model, api_base=base))


async def drawn(asking: ProviderBench, request: Request, drop: bool | None = None) -> ImagesReply:
    reply = await asking.ask(request, CallOptions(drop_params=drop))
    assert isinstance(reply, Reply) and isinstance(reply.typed, ImagesReply)
    return reply.typed


async def test_newer_models_of_dashscope_are_asked_as_in_a_chat_and_answer_at_once(upstream: ScriptedUpstream) -> None:
    message = {"role": "assistant", "content": [{"image": "https://oss.test/a.png"}]}
    answer = {"output": {"choices": [{"finish_reason": "stop", "message": message}]}, "usage": {"image_count": 1}}
    upstream.script("*", json=answer)
    async with at("dashscope", "qwen-image-2.0-pro", f"{upstream.url}/compatible-mode/v1") as asking:
        asked = images_request("public", size="1664x928", negative_prompt="dogs", watermark=False, user="u")
        reply = await drawn(asking, asked)
        assert asking.call is not None
        assert asking.call.fidelity.dropped == ("user",)
        await drawn(asking, edit_request("public", PNG, b"two", n="2", seed="7"))
    assert [image.url for image in reply.images] == ["https://oss.test/a.png"]
    assert reply.usage == Usage(units=Units(images=1))
    made, edited = upstream.requests
    assert made.route == edited.route == "/api/v1/services/aigc/multimodal-generation/generation"
    assert (made.header("authorization"), made.header("x-dashscope-async")) == (f"Bearer {KEY}", None)
    assert made.json == {
        "model": "qwen-image-2.0-pro",
        "input": {"messages": [{"role": "user", "content": [{"text": "a cat"}]}]},
        "parameters": {"n": 1, "size": "1664*928", "negative_prompt": "dogs", "watermark": False},
    }
    first, second, text = edited.json["input"]["messages"][0]["content"]
    assert (first, text) == ({"image": URL}, {"text": "a hat on the cat"})
    assert second["image"].startswith("data:image/png;base64,")
    assert edited.json["parameters"] == {"n": 2, "seed": 7}


async def test_older_models_of_dashscope_begin_a_task_that_is_asked_about(upstream: ScriptedUpstream) -> None:
    def told(status: str, **output: Any) -> dict[str, Any]:
        return {"request_id": "r", "output": {"task_id": "t/1", "task_status": status, **output}}

    upstream.script(TASK, json=told("PENDING"))
    upstream.script("/api/v1/tasks/t%2F1", json=told("RUNNING"))
    results = [{"url": f"{upstream.url}/a.png"}, {"code": "InternalError.Timeout", "message": "too late"}]
    upstream.script("/api/v1/tasks/t%2F1", json=told("SUCCEEDED", results=results))
    upstream.script("/a.png", body=PNG, headers={"content-type": "image/png"})
    async with at("qwencloud", "wan2.2-t2i-flash", f"{upstream.url}/compatible-mode/v1") as asking:
        asking.waits = False
        reply = await drawn(
            asking, images_request("public", n=2, negative_prompt="dogs", response_format="b64_json", seed=3)
        )
    assert [image.data for image in reply.images] == [base64.b64encode(PNG).decode()]
    begun, *polls, fetched = upstream.requests
    assert begun.header("x-dashscope-async") == "enable"
    assert begun.json == {
        "model": "wan2.2-t2i-flash",
        "input": {"prompt": "a cat", "negative_prompt": "dogs"},
        "parameters": {"n": 2, "seed": 3},
    }
    assert [(poll.method, poll.header("authorization"), poll.header("x-dashscope-async")) for poll in polls] == [
        ("GET", f"Bearer {KEY}", None)
    ] * 2
    assert fetched.header("authorization") is None


@pytest.mark.parametrize(
    ("model", "mask", "expected"),
    [
        ("wan2.5-i2i-preview", None, {"images": [URL]}),
        ("wanx2.1-imageedit", None, {"function": "description_edit", "base_image_url": URL}),
        (
            "wanx2.1-imageedit",
            HALF_MASK,
            {"function": "description_edit_with_mask", "base_image_url": URL, "mask_image_url": WHITE_URL},
        ),
    ],
)
async def test_images_to_edit_stand_beside_the_prompt_of_a_task(
    upstream: ScriptedUpstream, model: str, mask: bytes | None, expected: dict[str, Any]
) -> None:
    upstream.script("*", json={"output": {"task_status": "SUCCEEDED", "results": [{"url": "https://oss.test/a.png"}]}})
    async with at("dashscope", model, f"{upstream.url}/compatible-mode/v1") as asking:
        await drawn(asking, edit_request("public", PNG, mask=mask))
    assert upstream.last.route == "/api/v1/services/aigc/image2image/image-synthesis"
    assert upstream.last.json["input"] == {"prompt": "a hat on the cat", **expected}


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (
            {"output": {"task_status": "FAILED", "code": "DataInspectionFailed", "message": "inappropriate content"}},
            ContentPolicyViolationError,
            "inappropriate",
        ),
        (
            {"output": {"task_status": "FAILED", "code": "InvalidParameter", "message": "bad size"}},
            BadRequestError,
            "size",
        ),
        ({"output": {"task_status": "UNKNOWN"}}, BadGatewayError, "no images"),
        ({"code": "InternalError", "message": "oops"}, InternalServerError, "oops"),
    ],
)
async def test_tasks_that_fail_say_why(
    upstream: ScriptedUpstream, answer: dict[str, Any], expected: type[Exception], words: str
) -> None:
    upstream.script("*", json=answer)
    async with at("dashscope", "wan2.2-t2i-plus", f"{upstream.url}/compatible-mode/v1") as asking:
        with pytest.raises(expected, match=words):
            await drawn(asking, images_request("public"))


async def test_modelscope_is_asked_about_its_task_until_there_are_images(upstream: ScriptedUpstream) -> None:
    upstream.script("/v1/images/generations", json={"task_status": "SUCCEED", "task_id": "42", "request_id": "r"})
    done = {"task_status": "SUCCEED", "task_id": "42", "output_images": ["https://ms.test/a.png"]}
    upstream.script("/v1/tasks/42", json=done)
    async with at("modelscope", "Qwen/Qwen-Image", f"{upstream.url}/v1") as asking:
        asking.waits = False
        reply = await drawn(asking, images_request("public", size="1328x1328", steps=30))
        begun, poll = upstream.requests
        upstream.forget().script("*", json={"task_status": "FAILED", "task_id": "42", "errors": {"message": "busy"}})
        with pytest.raises(InternalServerError, match="busy"):
            await drawn(asking, images_request("public"))
        with pytest.raises(UnsupportedParamsError, match="`n`"):
            await drawn(asking, images_request("public", n=2))
    assert [image.url for image in reply.images] == ["https://ms.test/a.png"]
    assert begun.json == {"model": "Qwen/Qwen-Image", "prompt": "a cat", "size": "1328x1328", "steps": 30}
    marks = ("x-modelscope-async-mode", "x-modelscope-task-type")
    assert [tuple(each.header(mark) for mark in marks) for each in (begun, poll)] == [
        ("true", None),
        (None, "image_generation"),
    ]


async def test_recraft_edits_in_a_form_and_masks_elsewhere(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={"created": 1, "data": [{"url": "https://img.recraft.ai/a"}]})
    async with at("recraft", "recraftv3", f"{upstream.url}/v1") as asking:
        reply = await drawn(asking, edit_request("public", PNG, n="2", style="realistic_image"))
        await drawn(asking, edit_request("public", PNG, mask=HALF_MASK, strength="0.2"))
        with pytest.raises(UnsupportedParamsError, match="size"):
            await drawn(asking, edit_request("public", PNG, size="512x512"))
        with pytest.raises(BadRequestError, match="1 image at most"):
            await drawn(asking, edit_request("public", PNG, PNG))
    assert reply.images[0].url == "https://img.recraft.ai/a"
    plain, masked = upstream.requests
    assert (plain.route, masked.route) == ("/v1/images/imageToImage", "/v1/images/inpaint")
    assert {part.name: part.text for part in plain.form if part.filename is None} == {
        "model": "recraftv3",
        "prompt": "a hat on the cat",
        "strength": "0.5",
        "n": "2",
        "style": "realistic_image",
    }
    assert {part.name: part.content for part in masked.form if part.filename} == {"image": PNG, "mask": WHITE_HALF}


@pytest.mark.parametrize(
    ("name", "route", "expected"),
    [
        (
            "openrouter",
            "/v1/images",
            {"n": 2, "input_references": [{"type": "image_url", "image_url": {"url": URL}}], "seed": 7},
        ),
        ("xai", "/v1/images/edits", {"n": 2, "image": {"type": "image_url", "url": URL}, "seed": 7}),
    ],
)
async def test_vendors_that_take_json_are_sent_images_in_it(
    upstream: ScriptedUpstream, name: str, route: str, expected: dict[str, Any]
) -> None:
    upstream.script("*", json={"created": 1, "data": [{"b64_json": "aW1n"}]})
    async with at(name, "some-model", f"{upstream.url}/v1") as asking:
        reply = await drawn(asking, edit_request("public", PNG, n="2", seed="7"))
        with pytest.raises(UnsupportedParamsError, match="mask"):
            await drawn(asking, edit_request("public", PNG, mask=PNG))
    assert reply.images[0].data == "aW1n"
    assert upstream.last.route == route
    assert upstream.last.json == {"model": "some-model", "prompt": "a hat on the cat", **expected}


async def test_several_images_of_xai_and_servers_of_vllm(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json={"created": 1, "data": [{"b64_json": "aW1n"}]})
    async with at("xai", "grok-imagine-image", f"{upstream.url}/v1") as asking:
        await drawn(asking, edit_request("public", PNG, PNG))
        assert upstream.last.json["images"] == [{"type": "image_url", "url": URL}] * 2
        await drawn(asking, images_request("public", n=2, aspect_ratio="16:9"))
        assert upstream.last.json == {
            "model": "grok-imagine-image",
            "prompt": "a cat",
            "n": 2,
            "aspect_ratio": "16:9",
        }
        for name, value in (("size", "1024x1024"), ("background", "transparent"), ("style", "vivid")):
            with pytest.raises(UnsupportedParamsError, match=name):
                await drawn(asking, images_request("public", **{name: value}))
    async with at("hosted_vllm", "Qwen-Image-Edit", f"{upstream.url}/v1") as asking:
        await drawn(asking, edit_request("public", PNG, num_inference_steps="50"))
    assert upstream.last.route == "/v1/images/edits"
    assert [part.name for part in upstream.last.form] == ["model", "prompt", "num_inference_steps", "image"]


def test_vendors_of_images_are_asked_at_their_own_addresses() -> None:
    found = {
        (name, model): vendor_named(name).url(deployed(name, model), operation)
        for name, model, operation in (
            ("dashscope", "qwen-image-plus", "image_generation"),
            ("qwencloud", "wan2.6-t2i", "image_generation"),
            ("modelscope", "Qwen/Qwen-Image", "image_generation"),
            ("recraft", "recraftv3", "image_edit"),
            ("openrouter", "google/gemini-3-pro-image", "image_edit"),
        )
    }
    assert list(found.values()) == [
        f"https://dashscope.aliyuncs.com{TASK}",
        "https://dashscope-intl.aliyuncs.com/api/v1/services/aigc/multimodal-generation/generation",
        "https://api-inference.modelscope.cn/v1/images/generations",
        "https://external.api.recraft.ai/v1/images/imageToImage",
        "https://openrouter.ai/api/v1/images",
    ]
