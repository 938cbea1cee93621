"""Transcripts of the echo: it tells what it was sent, and hears nothing of it."""

from __future__ import annotations

import struct

from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.usage import Units, Usage
from nova_plugin_echo.chat import begin
from nova_plugin_echo.directives import directions

WAV_HEAD = 44
BYTE_RATE = slice(28, 32)
"""Where a WAV file states its bytes a second."""


async def hear(request: TranscriptionRequest, model: str) -> TranscriptionReply:
    """The name, type and size of the file; of a WAV file also how long it is. It is read, and not kept.

    Raises the directed error.
    """
    await begin(directions(model, ""))
    head, size = b"", 0
    async for piece in request.file.chunks():
        size += len(piece)
        head += piece[: max(0, WAV_HEAD - len(head))]
    duration = _seconds(head, size)
    return TranscriptionReply(
        f"{request.file.name}: {request.file.content_type}, {size} bytes",
        duration=duration,
        usage=None if duration is None else Usage(units=Units(input_seconds=duration)),
    )


def _seconds(head: bytes, size: int) -> float | None:
    """How long a WAV file of this size is; None for any other."""
    if len(head) < WAV_HEAD or not head.startswith(b"RIFF"):
        return None
    rate: int = struct.unpack("<I", head[BYTE_RATE])[0]
    return round((size - WAV_HEAD) / rate, 3) if rate else None
