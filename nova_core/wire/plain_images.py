"""What image APIs have in common that take a prompt, a width and a height, and little else."""

from __future__ import annotations

import re
from typing import Final

from nova_core.errors import BadRequestError
from nova_core.types.images import ImageRequest
from nova_core.types.message import TypedRequest
from nova_core.wire.drop_policy import is_default
from nova_core.wire.openai_chat.notes import Notes

SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})")
SETTINGS: Final = ("n", "style", "background", "output_format", "compression", "moderation")
"""Fields that change what is to be seen, or how it is kept."""


def plain_request(typed: TypedRequest, notes: Notes, *said: str) -> ImageRequest:
    """A request for images, with notes on what is not among the `SETTINGS` that are `said`.

    Images come whole, when they are done. Raises BadRequestError for another request.
    """
    if not isinstance(typed, ImageRequest):
        raise BadRequestError("only a request for images can be sent as one")
    for name in SETTINGS:
        value = getattr(typed, name)
        if name not in said and value not in (None, "auto"):
            (notes.hint if is_default(name, value) else notes.lost)(name, "models have no such input")
    for name in ("quality", "user"):
        if getattr(typed, name) is not None:
            notes.hint(name)
    if typed.stream or typed.partial_images:
        notes.hint("stream", "images are answered when they are done")
    return typed


def as_data(request: ImageRequest, notes: Notes) -> None:
    """Note that an address is wanted of images that are answered as data."""
    if request.response_format == "url":
        notes.lost("response_format", "images are answered as data")


def width_and_height(request: ImageRequest, notes: Notes) -> dict[str, int]:
    """`width` and `height` in pixels; nothing where the model decides."""
    size = SIZE.fullmatch(request.size or "")
    if size is not None:
        notes.mapped("size", "said as width and height")
        return {"width": int(size[1]), "height": int(size[2])}
    if request.size not in (None, "auto"):
        notes.lost("size", "must be WIDTHxHEIGHT")
    return {}
