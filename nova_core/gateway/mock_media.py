"""Scripted answers (`mock_response`) of operations beside chat and embeddings."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from typing import Any

from nova_core.errors import BadRequestError
from nova_core.types.audio import TranscriptionReply
from nova_core.types.images import Image, ImagesReply
from nova_core.types.message import Operation, RawReply, Reply, Request, TypedReply
from nova_core.types.moderation import ModerationReply, ModerationResult
from nova_core.types.rerank import Ranked, RerankReply
from nova_core.types.usage import Units, Usage
from nova_core.wire.image_size import decoded_head, image_type

HEAD = 64
AUDIO_HEADS: Mapping[bytes, str] = {
    b"RIFF": "audio/wav",
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
}
"""How audio begins → its type."""


def mock_media(request: Request, scripted: Any) -> Reply:
    """The scripted answer in the caller's dialect.

    A mapping is the whole reply. Else it is for a rerank a list of scores, one for each document; for a moderation
    true or false, whether everything is flagged; for images an address or base64; for speech base64; for a transcript
    its text.
    """
    if request.operation == "speech":
        return _speech(request, scripted)
    if isinstance(scripted, Mapping):
        return Reply(request.operation, request.dialect, dict(scripted))
    typed = _typed(request, scripted)
    if typed is None:
        raise _senseless(request.operation)
    return Reply(request.operation, request.dialect, typed=typed)


def _typed(request: Request, scripted: Any) -> TypedReply | None:
    match request.operation, scripted:
        case "rerank", [*scores] if scores and all(type(score) in (int, float) for score in scores):
            ranked = sorted(enumerate(scores), key=lambda pair: -pair[1])
            results = tuple(Ranked(index, float(score)) for index, score in ranked)
            return RerankReply(request.model, results[: request.get("top_n")], usage=Usage(units=Units(queries=1)))
        case "moderation", bool():
            asked = request.get("input")
            count = len(asked) if isinstance(asked, list) else 1
            return ModerationReply(request.model, (ModerationResult(scripted),) * count, id="modr-mock")
        case (("image_generation" | "image_edit" | "image_variation"), str()):
            is_data = image_type(decoded_head(scripted, HEAD)) is not None
            image = Image(data=scripted) if is_data else Image(url=scripted)
            images = (image,) * int(request.get("n") or 1)  # forms have it as text
            return ImagesReply(images, int(time.time()), usage=Usage(units=Units(images=len(images))))
        case (("transcription" | "translation"), str()):
            return TranscriptionReply(scripted)
    return None


def _speech(request: Request, scripted: Any) -> Reply:
    try:
        audio = base64.b64decode(scripted, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise _senseless(request.operation) from error
    kind = next((kind for head, kind in AUDIO_HEADS.items() if audio.startswith(head)), "application/octet-stream")
    return RawReply(request.operation, request.dialect, audio, kind)


def _senseless(operation: Operation) -> BadRequestError:
    known = {
        "rerank": "a list of scores or a whole reply",
        "moderation": "true, false or a whole reply",
        "image_generation": "an address, base64 or a whole reply",
        "image_edit": "an address, base64 or a whole reply",
        "image_variation": "an address, base64 or a whole reply",
        "speech": "base64",
        "transcription": "the text or a whole reply",
        "translation": "the text or a whole reply",
    }
    said = known.get(operation, "a whole reply")
    return BadRequestError(f"mock_response of {operation} is {said}", param="mock_response")
