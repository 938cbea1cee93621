"""Audio: speech made from a text, and texts made from speech."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_core.types.chat import Extra
from nova_core.types.upload import File
from nova_core.types.usage import Usage

AUDIO_TYPES: Mapping[str, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Formats of speech, as `response_format` names them → their content types."""


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """`voice` is a name, or an object such as `{"id": …}`; `speed` 1 is the usual one.

    `response_format` is a key of `AUDIO_TYPES`, None for the model's own (`mp3` with most). With `events` the caller
    gets the audio in server-sent events: that is made of bytes where a provider gives bytes.
    """

    model: str
    input: str
    voice: str | Mapping[str, Any] | None = None
    instructions: str | None = None
    response_format: str | None = None
    speed: float | None = None
    events: bool = False
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpeechReply:
    """A whole audio, for vendors that give it at once; those that stream it have no typed reply."""

    audio: bytes
    content_type: str
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """What was said in a file, in its language or, as a `translation`, in English.

    `response_format` is `json`, `text`, `srt`, `verbose_json`, `vtt` or `diarized_json`; `language` an ISO 639-1 code.
    """

    model: str
    file: File
    language: str | None = None
    prompt: str | None = None
    response_format: str | None = None
    temperature: float | None = None
    timestamp_granularities: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    stream: bool = False
    translation: bool = False
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TranscriptionReply:
    """The text, and what is known of its parts; `duration` in seconds. `words` and `segments` are decoded JSON."""

    text: str
    language: str | None = None
    duration: float | None = None
    words: tuple[Mapping[str, Any], ...] | None = None
    segments: tuple[Mapping[str, Any], ...] | None = None
    usage: Usage | None = None
    extra: Extra = field(default_factory=dict)
