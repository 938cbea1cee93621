"""Images that providers of other dialects drew, as `image` blocks of an answer."""

# Answers of the vendor's own models hold no images; the block is the one that requests have for them.
# Source: https://platform.claude.com/docs/en/build-with-claude/vision

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nova_core.types.chat import Extra, Opaque
from nova_core.wire.anthropic_messages.fields import NAME
from nova_core.wire.openai_chat.content import data_url
from nova_core.wire.openai_chat.drawn import image_member
from nova_core.wire.openai_chat.fields import NAME as CHAT

Block = dict[str, Any]


def drawn_block(part: Opaque) -> Block | None:
    """The block of an image in another dialect's answer; None for a part of any other kind."""
    return None if part.dialect == NAME else _block(image_member(part.raw))


def listed_blocks(extra: Extra) -> Iterator[Block | None]:
    """The blocks of the images that a chat completion lists beside its text; None for what is no image."""
    images = extra.get(CHAT, {}).get("images")
    for image in images if isinstance(images, list) else ():
        yield _block(image)


def without_listed(extra: Extra) -> Extra:
    """A message's unknown members, but for those images."""
    if "images" not in extra.get(CHAT, {}):
        return extra
    return {**extra, CHAT: {name: value for name, value in extra[CHAT].items() if name != "images"}}


def _block(image: Any) -> Block | None:
    url = image.get("image_url") if isinstance(image, Mapping) else None
    url = url.get("url") if isinstance(url, Mapping) else url
    if not isinstance(url, str):
        return None
    found = data_url(url)
    if found is None:
        return {"type": "image", "source": {"type": "url", "url": url}}
    kind, data = found
    return {"type": "image", "source": {"type": "base64", "media_type": kind or "image/png", "data": data}}
