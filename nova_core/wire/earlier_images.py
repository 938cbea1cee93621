"""Images that were drawn in an earlier answer, whichever API they were drawn through."""

from __future__ import annotations

from nova_core.types.chat import Message
from nova_core.wire.openai_chat.drawn import with_images
from nova_core.wire.openai_responses.drawn import with_drawn


def with_earlier_images(message: Message, path: str) -> Message:
    """An earlier answer with its images among its parts. Raises BadRequestError for what is no image."""
    return with_drawn(with_images(message, path))
