"""Images in answers, as vendors of this format say them: `images` beside `content`."""

# `[{"index", "type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}]`, as OpenRouter answers
# (https://openrouter.ai/docs/guides/overview/multimodal/image-generation).

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.types.chat import Image, Message
from nova_core.wire.openai_chat.content import url_source
from nova_core.wire.openai_chat.fields import NAME, bad_field


def image_member(raw: Mapping[str, Any]) -> dict[str, Any] | None:
    """The image of an `inlineData` part of an answer, without its index; None for parts of any other kind."""
    data = raw.get("inlineData")
    if not isinstance(data, Mapping) or not isinstance(data.get("data"), str):
        return None
    kind = str(data.get("mimeType") or "")
    if not kind.startswith("image/"):
        return None
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data['data']}"}}


def with_images(message: Message, path: str) -> Message:
    """An earlier answer with its images among its parts. Raises BadRequestError for what is no image."""
    own = message.extra.get(NAME, {})
    if message.role != "assistant" or not isinstance(given := own.get("images"), list):
        return message
    images = tuple(_image(item, f"{path}.images[{place}]") for place, item in enumerate(given))
    left = {name: value for name, value in own.items() if name != "images"}
    return Message(message.role, (*message.parts, *images), message.name, message.cache, {**message.extra, NAME: left})


def _image(item: Any, path: str) -> Image:
    url = item.get("image_url") if isinstance(item, Mapping) else None
    url = url.get("url") if isinstance(url, Mapping) else url
    if not isinstance(url, str):
        raise bad_field(f"{path}.image_url.url", "is required and must be a string")
    return Image(url_source(url, f"{path}.image_url.url"))
