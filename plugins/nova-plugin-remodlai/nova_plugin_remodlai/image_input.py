"""Images given as strings, the way Jina's V4 API takes them."""

from __future__ import annotations

import re
from typing import Any

from nova_core.wire.image_size import decoded_head, image_type

DATA_URL = re.compile(r"data:image/[^,;]*(?:;[^,;]*)*?;base64,", re.IGNORECASE)
BASE64 = re.compile(r"[A-Za-z0-9+/_\-\r\n]+={0,2}\s*")
HEAD = 64
"""Characters that are decoded to see a signature."""
SMALLEST = 32
"""Characters of the smallest image (a GIF of one pixel has 36); shorter strings are words."""


def as_objects(given: Any) -> list[Any] | None:
    """`input` with every string as an object, if at least one string is an image; else None: leave it alone.

    Images become `{"image": base64}` without the `data:` prefix, other strings `{"text": …}`; objects and token
    lists stay as they are.
    """
    items = given if isinstance(given, list) else [given]
    images = {place: image for place, item in enumerate(items) if (image := image_in(item)) is not None}
    if not images:
        return None
    return [
        {"image": images[place]} if place in images else {"text": item} if isinstance(item, str) else item
        for place, item in enumerate(items)
    ]


def image_in(item: Any) -> str | None:
    """The bare base64 of a string that is an image: a data URL, or base64 whose bytes begin like an image."""
    if not isinstance(item, str):
        return None
    if prefix := DATA_URL.match(item):
        return item[prefix.end() :]
    if len(item) < SMALLEST or image_type(decoded_head(item, HEAD)) is None:
        return None
    return item if BASE64.fullmatch(item) else None
