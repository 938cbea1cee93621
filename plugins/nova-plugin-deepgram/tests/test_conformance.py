"""Deepgram's provider does what every provider must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import WAV
from nova_plugin_deepgram import plugin


class Deepgram(OperationConformance):
    plugin = plugin
    provider = "deepgram"
    key_env = "DEEPGRAM_API_KEY"

    def error_body(self, message: str) -> Any:
        """Deepgram's `err_msg`."""
        return {"err_code": "SOME_ERROR", "err_msg": message, "request_id": "r"}


class TestTranscripts(Deepgram):
    operation = "transcription"
    model = "nova-3"
    sent = Sent("/v1/listen", body=WAV, query={"model": "nova-3", "smart_format": "true", "detect_language": "true"})
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "metadata": {"request_id": "r", "duration": 2.5, "channels": 1},
            "results": {
                "channels": [
                    {
                        "detected_language": "en",
                        "alternatives": [
                            {
                                "transcript": "Good day.",
                                "confidence": 0.99,
                                "words": [
                                    {"word": "good", "start": 0.0, "end": 1.0, "punctuated_word": "Good"},
                                    {"word": "day", "start": 1.0, "end": 2.5, "punctuated_word": "day."},
                                ],
                            }
                        ],
                    }
                ],
                "utterances": [{"start": 0.0, "end": 2.5, "transcript": "Good day.", "speaker": 1}],
            },
        }
    }
    tells: ClassVar[dict[str, Any]] = {
        "text": "Good day.",
        "language": "en",
        "duration": 2.5,
        "words": [{"word": "Good", "start": 0.0, "end": 1.0}, {"word": "day.", "start": 1.0, "end": 2.5}],
        "segments": [{"id": 0, "start": 0.0, "end": 2.5, "text": "Good day.", "speaker": "1"}],
    }
    used = Usage(units=Units(input_seconds=2.5))


class TestSpeech(Deepgram):
    operation = "speech"
    model = "aura-2"
    asks: ClassVar[dict[str, Any]] = {"voice": "thalia"}
    sent = Sent("/v1/speak", json={"text": "Good day."}, query={"model": "aura-2-thalia-en", "encoding": "mp3"})
    answer: ClassVar[dict[str, Any]] = {"body": b"ID3audio", "headers": {"content-type": "audio/mpeg"}}
    tells = b"ID3audio"
    told_type = "audio/mpeg"
    used = Usage(units=Units(characters=9))
