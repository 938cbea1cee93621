"""What OpenAI serves beside chat and embeddings does what every provider's must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.testing.upstream_forms import PIXEL
from nova_core.testing.upstream_media import wav
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG, WAV
from nova_plugin_openai import plugin


class OpenAI(OperationConformance):
    plugin = plugin
    provider = "openai"
    key_env = "OPENAI_API_KEY"


class TestModeration(OpenAI):
    operation = "moderation"
    model = "omni-moderation-latest"
    sent = Sent("/v1/moderations", json={"model": "omni-moderation-latest", "input": "a kind word"})
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "id": "modr-1",
            "model": "omni-moderation-latest",
            "results": [{"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.001}}],
        }
    }
    tells: ClassVar[dict[str, Any]] = {"id": "modr-1", "results": answer["json"]["results"]}


class TestImages(OpenAI):
    operation = "image_generation"
    model = "gpt-image-1"
    sent = Sent("/v1/images/generations", json={"model": "gpt-image-1", "prompt": "a cat"})
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "created": 1700000000,
            "data": [{"b64_json": PIXEL}],
            "usage": {
                "input_tokens": 9,
                "input_tokens_details": {"text_tokens": 4, "image_tokens": 5},
                "output_tokens": 70,
                "total_tokens": 79,
            },
        }
    }
    tells: ClassVar[dict[str, Any]] = answer["json"]
    used = Usage(input=4, input_image=5, output_image=70, units=Units(images=1))
    stream_asks: ClassVar[dict[str, Any]] = {"stream": True, "partial_images": 1}
    stream_tells: ClassVar[list[dict[str, Any]]] = [
        {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": PIXEL},
        {"type": "image_generation.completed", "b64_json": PIXEL},
    ]


class TestEdits(OpenAI):
    operation = "image_edit"
    model = "gpt-image-1"
    sent = Sent(
        "/v1/images/edits",
        form={"model": "gpt-image-1", "prompt": "a hat on it", "image": PNG},
    )
    answer: ClassVar[dict[str, Any]] = TestImages.answer
    tells: ClassVar[dict[str, Any]] = TestImages.tells
    used = TestImages.used
    stream_asks: ClassVar[dict[str, Any]] = {"stream": True, "partial_images": 1}
    stream_tells: ClassVar[list[dict[str, Any]]] = [
        {"type": "image_edit.partial_image", "b64_json": PIXEL},
        {"type": "image_edit.completed", "b64_json": PIXEL},
    ]


class TestVariations(OpenAI):
    operation = "image_variation"
    model = "dall-e-2"
    sent = Sent("/v1/images/variations", form={"model": "dall-e-2", "image": PNG})
    answer: ClassVar[dict[str, Any]] = {"json": {"created": 1700000000, "data": [{"b64_json": PIXEL}]}}
    tells: ClassVar[dict[str, Any]] = answer["json"]
    used = Usage(units=Units(images=1))


class TestSpeech(OpenAI):
    operation = "speech"
    model = "gpt-4o-mini-tts"
    sent = Sent("/v1/audio/speech", json={"model": "gpt-4o-mini-tts", "input": "Good day.", "voice": "alloy"})
    tells = wav()
    told_type = "audio/wav"
    used = Usage(units=Units(characters=9))
    stream_asks: ClassVar[dict[str, Any]] = {"stream_format": "sse"}
    stream_tells: ClassVar[list[dict[str, Any]]] = [{"type": "speech.audio.done"}]


class TestTranscripts(OpenAI):
    operation = "transcription"
    model = "gpt-4o-transcribe"
    sent = Sent("/v1/audio/transcriptions", form={"model": "gpt-4o-transcribe", "file": WAV})
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "text": "Good day.",
            "usage": {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
                "output_tokens": 3,
                "total_tokens": 17,
            },
        }
    }
    tells: ClassVar[dict[str, Any]] = answer["json"]
    used = Usage(input=4, input_audio=10, output=3)
    stream_asks: ClassVar[dict[str, Any]] = {"stream": True}
    stream_answer: ClassVar[dict[str, Any]] = {"text": "Good day."}
    stream_tells: ClassVar[list[dict[str, Any]]] = [
        {"type": "transcript.text.delta", "delta": "day."},
        {"type": "transcript.text.done", "text": "Good day."},
    ]


class TestTranslations(OpenAI):
    operation = "translation"
    model = "whisper-1"
    sent = Sent("/v1/audio/translations", form={"model": "whisper-1", "file": WAV})
    answer: ClassVar[dict[str, Any]] = {"json": {"text": "Good day.", "duration": 2.5}}
    tells: ClassVar[dict[str, Any]] = {"text": "Good day."}
    used = Usage(units=Units(input_seconds=2.5))
