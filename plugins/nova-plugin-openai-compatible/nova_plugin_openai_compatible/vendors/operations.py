"""What vendors serve, by the names that rows use."""

from __future__ import annotations

from nova_core.types.message import Operation

CHAT: tuple[Operation, ...] = ("chat",)
CHAT_AND_COMPLETION: tuple[Operation, ...] = ("chat", "completion")
CHAT_AND_EMBEDDING: tuple[Operation, ...] = ("chat", "embedding")
EVERYTHING: tuple[Operation, ...] = ("chat", "completion", "embedding")
HEARING: tuple[Operation, ...] = ("transcription", "translation")
IMAGES: tuple[Operation, ...] = ("image_generation", "image_edit")
MEDIA: tuple[Operation, ...] = ("rerank", "moderation", *IMAGES, "speech", *HEARING)
