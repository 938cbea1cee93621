"""Vendors with formats of their own for speech and transcripts do what every provider must do."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

import nova_plugin_openai_compatible as pack
from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import WAV

SOUND = base64.b64encode(b"ID3audio").decode()
EVENTS = {"content-type": "text/event-stream"}


class TestMistralsSpeech(OperationConformance):
    plugin = pack.mistral
    provider = "mistral"
    operation = "speech"
    model = "voxtral-mini-tts"
    key_env = "MISTRAL_API_KEY"
    sent = Sent("/v1/audio/speech", json={"model": "voxtral-mini-tts", "input": "Good day.", "voice_id": "alloy"})
    answer: ClassVar[dict[str, Any]] = {"json": {"audio_data": SOUND}}
    tells = b"ID3audio"
    told_type = "audio/mpeg"
    used = Usage(units=Units(characters=9))
    stream_asks: ClassVar[dict[str, Any]] = {"stream_format": "sse"}
    stream_answer: ClassVar[dict[str, Any]] = {
        "body": b'data: {"type": "speech.audio.delta", "audio_data": "%s"}\n\n'
        b'data: {"type": "speech.audio.done", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}\n\n'
        % SOUND.encode(),
        "headers": EVENTS,
    }
    stream_tells = ({"type": "speech.audio.delta", "audio": SOUND}, {"type": "speech.audio.done"})


class TestMistralsTranscripts(OperationConformance):
    plugin = pack.mistral
    provider = "mistral"
    operation = "transcription"
    model = "voxtral-mini"
    key_env = "MISTRAL_API_KEY"
    sent = Sent("/v1/audio/transcriptions", form={"model": "voxtral-mini", "file": WAV})
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "text": "Good day.",
            "model": "m",
            "language": "en",
            "segments": [{"text": "Good day.", "start": 0.1, "end": 1.0, "speaker_id": "s"}],
            "usage": {"prompt_audio_seconds": 2, "prompt_tokens": 3, "completion_tokens": 4},
        }
    }
    tells: ClassVar[dict[str, Any]] = {
        "text": "Good day.",
        "segments": [{"id": 0, "start": 0.1, "end": 1.0, "text": "Good day.", "speaker": "s"}],
    }
    used = Usage(input=3, output=4, units=Units(input_seconds=2))
    stream_asks: ClassVar[dict[str, Any]] = {"stream": True}
    stream_answer: ClassVar[dict[str, Any]] = {
        "body": b'data: {"type": "transcription.text.delta", "text": "Good"}\n\n'
        b'data: {"type": "transcription.done", "text": "Good", "usage": {"prompt_tokens": 3}}\n\n',
        "headers": EVENTS,
    }
    stream_tells = (
        {"type": "transcript.text.delta", "delta": "Good"},
        {"type": "transcript.text.done", "text": "Good"},
    )
