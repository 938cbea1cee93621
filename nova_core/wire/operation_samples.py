"""One sample of each parameter of the operations beside chat: to find out what a provider makes of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.types.message import Operation
from nova_core.types.upload import File, InMemory
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_image_edits import OPENAI_IMAGE_EDITS
from nova_core.wire.openai_image_variations import OPENAI_IMAGE_VARIATIONS
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_moderations import OPENAI_MODERATIONS
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS, OPENAI_TRANSLATIONS
from nova_core.wire.samples import PIXEL, SILENCE, Asked, Sample

PNG: Final = base64.b64decode(PIXEL.partition(",")[2])
WAV: Final = base64.b64decode(SILENCE)
PICTURE: Final = File("cat.png", "image/png", InMemory(PNG))
TALK: Final = File("talk.wav", "audio/wav", InMemory(WAV))
IMAGE_PART: Final = {"type": "image_url", "image_url": {"url": PIXEL}}
FIELDS: Final = [{"title": "Oslo", "text": "a city"}, {"title": "Ada", "text": "a name"}]
DRAWN: Final[Mapping[str, Any]] = {
    "n": 2,
    "size": "1280x720",
    "quality": "high",
    "response_format": "b64_json",
    "background": "transparent",
    "output_format": "jpeg",
    "output_compression": 50,
    "user": "user-4711",
    "stream": True,
}
"""Parameters of images, however they are made."""
HEARD: Final[Mapping[str, Any]] = {"prompt": "Nova", "response_format": "srt", "temperature": 0.4}
"""Parameters of transcripts, in whatever language."""

ASKED: Final[Mapping[Operation, Asked]] = {
    each.operation: each
    for each in (
        Asked("rerank", JINA_RERANK, {"query": "Which is a city?", "documents": ["a city", "a name"]}),
        Asked("moderation", OPENAI_MODERATIONS, {"input": "a kind word"}),
        Asked("image_generation", OPENAI_IMAGES, {"prompt": "a cat"}),
        Asked("image_edit", OPENAI_IMAGE_EDITS, {"prompt": "a hat on it", "image": PICTURE}),
        Asked("image_variation", OPENAI_IMAGE_VARIATIONS, {"image": PICTURE}),
        Asked("speech", OPENAI_SPEECH, {"input": "Good day.", "voice": "alloy"}),
        Asked("transcription", OPENAI_TRANSCRIPTIONS, {"file": TALK}),
        Asked("translation", OPENAI_TRANSLATIONS, {"file": TALK}),
    )
}
"""By the operation; callers of a rerank speak one of two formats that have the same parameters."""
VALUES: Final[Mapping[Operation, Mapping[str, Any]]] = {
    "rerank": {
        "top_n": 1,
        "return_documents": False,
        "rank_fields": ["title"],
        "max_tokens_per_doc": 128,
        "max_chunks_per_doc": 3,
    },
    "moderation": {"input": [{"type": "text", "text": "a kind word"}, IMAGE_PART]},
    "image_generation": {**DRAWN, "style": "vivid", "moderation": "low", "partial_images": 2},
    "image_edit": {
        **DRAWN,
        "image": [PICTURE, PICTURE],
        "mask": PICTURE,
        "input_fidelity": "high",
        "partial_images": 2,
    },
    "image_variation": {name: DRAWN[name] for name in ("n", "size", "response_format", "user")},
    "speech": {
        "voice": "nova",
        "instructions": "Whisper.",
        "response_format": "opus",
        "speed": 1.5,
        "stream_format": "sse",
    },
    "transcription": {
        **HEARD,
        "language": "en",
        "timestamp_granularities": ["word"],
        "include": ["logprobs"],
        "stream": True,
    },
    "translation": HEARD,
}
"""A value of each parameter that is not its default."""
BESIDE: Final[Mapping[str, Mapping[str, Any]]] = {
    "rank_fields": {"documents": FIELDS},
    "partial_images": {"stream": True},
    "timestamp_granularities": {"response_format": "verbose_json"},
}
"""What a parameter needs beside it."""


def samples_of(operation: Operation, **values: Any) -> dict[str, Sample]:
    """A sample of each parameter of an operation, with these values in the place of the usual ones."""
    asked = ASKED[operation]
    said = {**VALUES[operation], **values}
    return {name: Sample(name, {name: value}, BESIDE.get(name, {}), asked) for name, value in said.items()}


def _all() -> Iterator[tuple[str, Sample]]:
    for operation in ASKED:
        for name, sample in samples_of(operation).items():
            yield f"{operation}.{name}", sample


OPERATION_SAMPLES: Final[Mapping[str, Sample]] = dict(_all())
"""By operation and parameter, such as `speech.speed`."""
