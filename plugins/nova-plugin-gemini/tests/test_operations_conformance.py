"""What Gemini serves beside chat and embeddings does what every provider's must do."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG
from nova_plugin_gemini import plugin

PICTURE = base64.b64encode(PNG).decode()
PCM = base64.b64encode(b"\0\0" * 800).decode()


def answered(part: dict[str, Any], modality: str) -> dict[str, Any]:
    """A whole answer of one part."""
    usage: dict[str, Any] = {"promptTokenCount": 40, "candidatesTokenCount": 5, "totalTokenCount": 45}
    usage |= {"candidatesTokensDetails": [{"modality": modality, "tokenCount": 5}]}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    return {"json": {"candidates": [candidate], "usageMetadata": usage}}


class Gemini(OperationConformance):
    plugin = plugin
    provider = "gemini"
    api_path = "/v1beta"
    key_env = "GEMINI_API_KEY"


class TestImages(Gemini):
    operation = "image_generation"
    model = "gemini-3-pro-image-preview"
    values: ClassVar[dict[str, Any]] = {"response_format": "url"}
    sent = Sent(
        f"/v1beta/models/{model}:generateContent",
        json={
            "contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
            "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]},
        },
    )
    answer: ClassVar[dict[str, Any]] = answered({"inlineData": {"mimeType": "image/png", "data": PICTURE}}, "IMAGE")
    tells: ClassVar[dict[str, Any]] = {"data": [{"b64_json": PICTURE}], "output_format": "png"}
    used = Usage(input=40, output_image=5, units=Units(images=1))


class TestEdits(TestImages):
    operation = "image_edit"
    sent = Sent(
        f"/v1beta/models/{TestImages.model}:generateContent",
        json={
            "contents": [
                {
                    "role": "user",
                    "parts": [{"inlineData": {"mimeType": "image/png", "data": PICTURE}}, {"text": "a hat on it"}],
                }
            ],
            "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]},
        },
    )


class TestTranscripts(Gemini):
    operation = "transcription"
    model = "gemini-3.5-flash"
    sent = Sent(f"/v1beta/models/{model}:generateContent")
    answer: ClassVar[dict[str, Any]] = answered({"text": "Good day.\n"}, "TEXT")
    tells: ClassVar[dict[str, Any]] = {"text": "Good day."}
    used = Usage(input=40, output=5)


class TestSpeech(Gemini):
    operation = "speech"
    model = "gemini-3.5-flash-tts"
    asks: ClassVar[dict[str, Any]] = {"voice": "Kore", "response_format": "pcm"}
    sent = Sent(f"/v1beta/models/{model}:generateContent")
    answer: ClassVar[dict[str, Any]] = answered(
        {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": PCM}}, "AUDIO"
    )
    tells = b"\0\0" * 800
    told_type = "audio/pcm"
    used = Usage(input=40, output_audio=5)
