"""Azure Speech's provider does what every provider must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import WAV
from nova_plugin_azure_speech import plugin

WORD = {"text": "Good", "offsetMilliseconds": 100, "durationMilliseconds": 400}


class TestAzureSpeech(OperationConformance):
    plugin = plugin
    provider = "azure_speech"
    operation = "transcription"
    model = "fast"
    api_path = ""
    key_env = "AZURE_SPEECH_API_KEY"
    sent = Sent("/speechtotext/transcriptions:transcribe", form={"audio": WAV, "definition": "{}"})
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "durationMilliseconds": 2500,
            "combinedPhrases": [{"text": "Good day."}],
            "phrases": [
                {"text": "Good day.", "locale": "en-US", "speaker": 1, "words": [WORD], "confidence": 0.9}
                | {"offsetMilliseconds": 100, "durationMilliseconds": 900}
            ],
        }
    }
    tells: ClassVar[dict[str, Any]] = {
        "text": "Good day.",
        "language": "en-US",
        "duration": 2.5,
        "words": [{"word": "Good", "start": 0.1, "end": 0.5}],
        "segments": [{"id": 0, "start": 0.1, "end": 1.0, "text": "Good day.", "speaker": "1"}],
    }
    used = Usage(units=Units(input_seconds=2.5))

    def error_body(self, message: str) -> Any:
        """The vendor's `code` and `message`."""
        return {"code": "SomeError", "message": message}
