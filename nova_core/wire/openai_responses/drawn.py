"""Images that other providers drew as `image_generation_call` items, and such items of earlier answers as images."""

# https://platform.openai.com/docs/api-reference/responses/object (output, image generation call)

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from nova_core.types.chat import Image, Message, Opaque, Part, Source
from nova_core.wire.openai_chat.content import data_url
from nova_core.wire.openai_chat.drawn import image_member
from nova_core.wire.openai_chat.fields import NAME as CHAT
from nova_core.wire.openai_chat.notes import DRAWN
from nova_core.wire.openai_responses.fields import NAME, new_id

Body = dict[str, Any]


def drawn_item(part: Opaque) -> Body | None:
    """The item of an image in another dialect's answer; None for a part of any other kind."""
    member = None if part.dialect == NAME else image_member(part.raw)
    return None if member is None else _item(member)


def listed(extra: Mapping[str, Mapping[str, Any]]) -> Iterator[Body | None]:
    """The items of the images that a chat completion lists beside its text; None for one that is not in it."""
    images = extra.get(CHAT, {}).get("images")
    for image in images if isinstance(images, list) else ():
        yield _item(image)


def with_drawn(message: Message) -> Message:
    """An earlier answer, whose items of this kind are images."""
    if not any(isinstance(part, Opaque) and part.dialect == NAME for part in message.parts):
        return message
    return replace(message, parts=tuple(map(_image, message.parts)))


def _item(image: Any) -> Body | None:
    url = image.get("image_url") if isinstance(image, Mapping) else None
    url = url.get("url") if isinstance(url, Mapping) else url
    found = data_url(url) if isinstance(url, str) else None
    if found is None:
        return None
    kind, data = found
    form = (kind or "image/png").removeprefix("image/")
    return {"id": new_id("ig"), "type": DRAWN, "status": "completed", "output_format": form, "result": data}


def _image(part: Part) -> Part:
    if not isinstance(part, Opaque) or part.dialect != NAME or part.raw.get("type") != DRAWN:
        return part
    data = part.raw.get("result")
    if not isinstance(data, str) or not data:
        return part
    return Image(Source(data=data, media_type=f"image/{part.raw.get('output_format') or 'png'}"))
