"""What Azure serves beside chat and embeddings does what every provider's must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.testing.upstream_forms import PIXEL
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG, WAV
from nova_plugin_azure import plugin


class Azure(OperationConformance):
    plugin = plugin
    provider = "azure"
    model = "mine"
    api_path = ""
    key_env = "AZURE_API_KEY"


class TestImages(Azure):
    operation = "image_generation"
    sent = Sent("/openai/deployments/mine/images/generations", json={"model": "mine", "prompt": "a cat"})
    answer: ClassVar[dict[str, Any]] = {"json": {"created": 1700000000, "data": [{"b64_json": PIXEL}]}}
    tells: ClassVar[dict[str, Any]] = answer["json"]
    used = Usage(units=Units(images=1))


class TestEdits(TestImages):
    operation = "image_edit"
    sent = Sent("/openai/deployments/mine/images/edits", form={"model": "mine", "prompt": "a hat on it", "image": PNG})


class TestSpeech(Azure):
    operation = "speech"
    sent = Sent("/openai/deployments/mine/audio/speech", json={"model": "mine", "input": "Good day.", "voice": "alloy"})
    answer: ClassVar[dict[str, Any]] = {"body": b"ID3audio", "headers": {"content-type": "audio/mpeg"}}
    tells = b"ID3audio"
    told_type = "audio/mpeg"
    used = Usage(units=Units(characters=9))


class TestTranscripts(Azure):
    operation = "transcription"
    sent = Sent("/openai/deployments/mine/audio/transcriptions", form={"model": "mine", "file": WAV})
    answer: ClassVar[dict[str, Any]] = {"json": {"text": "Good day.", "duration": 2.5}}
    tells: ClassVar[dict[str, Any]] = {"text": "Good day.", "duration": 2.5}
    used = Usage(units=Units(input_seconds=2.5))
    stream_asks: ClassVar[dict[str, Any]] = {"stream": True}
    stream_answer: ClassVar[dict[str, Any]] = {"text": "Good day."}
    stream_tells: ClassVar[list[dict[str, Any]]] = [{"type": "transcript.text.done", "text": "Good day."}]


class TestTranslations(TestTranscripts):
    operation = "translation"
    sent = Sent("/openai/deployments/mine/audio/translations", form={"model": "mine", "file": WAV})
    stream_asks = None
