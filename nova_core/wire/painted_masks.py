"""Masks of image edits in black and white, for vendors who do not mark with transparency what is to change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from enum import Enum
from typing import Final

from nova_core.errors import BadRequestError
from nova_core.types.upload import File
from nova_core.wire.image_size import image_type
from nova_core.wire.png_alpha import SIGNATURE, alpha_of, grey_png

MOST_BYTES: Final = 64 * 1024 * 1024
OPAQUE_FORMATS: Final = (None, "image/jpeg")
"""What has no transparency, or is no image that we know."""


class Marked(Enum):
    """The colour of what is to change; all else has the other one. The value says which pixel becomes which."""

    WHITE = b"\xff" + bytes(255)
    BLACK = b"\x00" + b"\xff" * 255

    @property
    def note(self) -> str:
        """What becomes of a caller's mask."""
        return f"what is transparent is sent as {self.name.lower()}; a mask without transparency is sent as it is"


def painted(mask: File, marked: Marked) -> File:
    """The mask with its transparent pixels, and no others, in the colour of `marked`.

    It is read and painted when it is sent, in a thread, which takes 0.1 to 0.3 s for a million pixels. One without a
    transparent pixel stays what it is: its caller writes in the vendor's colours. Sending it raises BadRequestError for
    images with transparency that are no PNG.
    """
    return File(mask.name, mask.content_type, _Painted(mask, marked))


class _Painted:
    """A `StreamedBody`, made of a whole one."""

    length = None

    def __init__(self, mask: File, marked: Marked) -> None:
        self._mask = mask
        self._marked = marked

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `StreamedBody.chunks`."""
        yield await asyncio.to_thread(_repainted, await self._mask.read(limit=MOST_BYTES), self._marked)


def _repainted(image: bytes, marked: Marked) -> bytes:
    """The bytes of the PNG in black and white. Raises BadRequestError."""
    if not image.startswith(SIGNATURE):
        if image_type(image) not in OPAQUE_FORMATS:
            raise BadRequestError("`mask` must be a PNG", param="mask")
        return image
    try:
        alpha = alpha_of(image)
    except BadRequestError as error:
        raise BadRequestError(f"`mask`: {error.message}", param="mask") from error
    if alpha is None or not any(0 in row for row in alpha.rows):
        return image
    return grey_png(alpha.width, (row.translate(marked.value) for row in alpha.rows))
