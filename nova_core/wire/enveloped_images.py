"""OpenAI's images in a vendor's envelope: they are made, or edited, whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.wire.enveloped import Enveloped
from nova_core.wire.openai_image_edits import OPENAI_IMAGE_EDITS
from nova_core.wire.openai_images import OPENAI_IMAGES

IMAGES: Final[Mapping[Operation, Dialect]] = {"image_generation": OPENAI_IMAGES, "image_edit": OPENAI_IMAGE_EDITS}


class EnvelopedImages(Enveloped):
    """A vendor of images. Subclasses write `review`, `body` and `opened`, and narrow `dialects` to what is served."""

    dialects = IMAGES
    enveloped = frozenset(IMAGES)

    def to_upstream(self, request: Request) -> Request:
        """Images come when they are done."""
        if request.dialect.operation not in IMAGES:
            return super().to_upstream(request)
        return request.without("stream", "partial_images")
