"""Edits of images by predictions: what models call their images, and which of them take masks."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from nova_core.errors import BadRequestError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import BLACK_HALF, HALF_MASK, WHITE_HALF, bench, edit_request
from nova_core.types.deployment import Deployment
from nova_core.types.images import ImagesReply
from nova_core.types.message import Reply
from nova_core.types.secret import Secret
from nova_plugin_replicate import plugin

PNG = bytes(range(256)) * 10
KONTEXT = "black-forest-labs/flux-kontext-pro"


def url_of(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def at(model: str, upstream: ScriptedUpstream) -> Any:
    given = Deployment("d", "g", "replicate", model, api_base=f"{upstream.url}/v1", api_key=Secret("r8_secret-0123"))
    upstream.script("*", json={"id": "p1", "status": "succeeded", "output": ["https://files.test/a.png"]})
    return bench(plugin, plugin.complete(given, {}))


@pytest.mark.parametrize(
    ("model", "members", "expected"),
    [
        (KONTEXT, {"size": "1792x1024", "seed": "7"}, {"input_image": url_of(PNG), "aspect_ratio": "16:9", "seed": 7}),
        ("google/nano-banana", {}, {"image_input": [url_of(PNG)]}),
        ("openai/gpt-image-1.5", {"output_format": "webp"}, {"input_images": [url_of(PNG)], "output_format": "webp"}),
        ("qwen/qwen-image-edit", {}, {"image": url_of(PNG)}),
        ("qwen/qwen-image-edit-plus", {}, {"image": [url_of(PNG)]}),
        ("stability-ai/sdxl", {"size": "512x768", "n": "2"}, {"width": 512, "height": 768, "num_outputs": 2}),
    ],
)
async def test_images_stand_where_a_model_has_them(
    upstream: ScriptedUpstream, model: str, members: dict[str, Any], expected: dict[str, Any]
) -> None:
    async with at(model, upstream) as asking:
        reply = await asking.ask(edit_request("g", PNG, **members))
    assert isinstance(reply, Reply) and isinstance(reply.typed, ImagesReply)
    assert reply.typed.images[0].url == "https://files.test/a.png"
    assert upstream.last.route == f"/v1/models/{model}/predictions"
    said = upstream.last.json["input"]
    assert said == {"prompt": "a hat on the cat", **expected, **({"image": url_of(PNG)} if "sdxl" in model else {})}


async def test_masks_and_several_images_go_to_models_that_take_them(upstream: ScriptedUpstream) -> None:
    async with at("black-forest-labs/flux-fill-pro", upstream) as asking:
        await asking.ask(edit_request("g", PNG, mask=HALF_MASK))
        assert upstream.last.json["input"]["mask"] == url_of(WHITE_HALF)
        assert [note.field for note in asking.call.fidelity.notes] == ["mask"]
    async with at("ideogram-ai/ideogram-v3-turbo", upstream) as asking:
        await asking.ask(edit_request("g", PNG, mask=HALF_MASK))
        assert upstream.last.json["input"]["mask"] == url_of(BLACK_HALF)
    async with at("bytedance/seedream-4", upstream) as asking:
        await asking.ask(edit_request("g", PNG, b"two"))
        assert upstream.last.json["input"]["image_input"] == [url_of(PNG), url_of(b"two")]
    async with at(KONTEXT, upstream) as asking:
        with pytest.raises(UnsupportedParamsError, match="mask"):
            await asking.ask(edit_request("g", PNG, mask=b"white"))
        with pytest.raises(UnsupportedParamsError, match="background"):
            await asking.ask(edit_request("g", PNG, background="transparent"))
        with pytest.raises(BadRequestError, match="1 image at most"):
            await asking.ask(edit_request("g", PNG, PNG))
