"""ElevenLabs' provider does what every provider must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import WAV
from nova_plugin_elevenlabs import plugin

VOICE = "21m00Tcm4TlvDq8ikWAM"


class ElevenLabs(OperationConformance):
    plugin = plugin
    provider = "elevenlabs"
    api_path = ""
    key_env = "ELEVENLABS_API_KEY"

    def error_body(self, message: str) -> Any:
        """ElevenLabs' `detail`."""
        return {"detail": {"status": "some_error", "message": message}}


class TestTranscripts(ElevenLabs):
    operation = "transcription"
    model = "scribe_v2"
    sent = Sent("/v1/speech-to-text", form={"model_id": "scribe_v2", "tag_audio_events": "false", "file": WAV})
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "language_code": "eng",
            "text": "Good day",
            "words": [
                {"text": "Good", "start": 0.1, "end": 1.0, "type": "word", "speaker_id": "speaker_0"},
                {"text": " ", "start": 1.0, "end": 1.1, "type": "spacing"},
                {"text": "day", "start": 1.1, "end": 2.5, "type": "word"},
            ],
        }
    }
    tells: ClassVar[dict[str, Any]] = {
        "text": "Good day",
        "language": "eng",
        "words": [
            {"word": "Good", "start": 0.1, "end": 1.0, "speaker": "speaker_0"},
            {"word": "day", "start": 1.1, "end": 2.5},
        ],
    }
    used = Usage(units=Units(input_seconds=2.5))


class TestSpeech(ElevenLabs):
    operation = "speech"
    model = "eleven_v3"
    asks: ClassVar[dict[str, Any]] = {"voice": VOICE}
    sent = Sent(
        f"/v1/text-to-speech/{VOICE}/stream",
        json={"text": "Good day.", "model_id": "eleven_v3"},
        query={"output_format": "mp3_44100_128"},
    )
    answer: ClassVar[dict[str, Any]] = {"body": b"ID3audio", "headers": {"content-type": "audio/mpeg"}}
    tells = b"ID3audio"
    told_type = "audio/mpeg"
    used = Usage(units=Units(characters=9))
