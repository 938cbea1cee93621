"""What Hugging Face serves beside chat and embeddings does what every provider's must do."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG, WAV
from nova_plugin_huggingface import plugin


class HuggingFace(OperationConformance):
    plugin = plugin
    provider = "huggingface"
    model = "org/model"
    api_path = "/at"
    key_env = "HF_TOKEN"

    def error_body(self, message: str) -> Any:
        """The `error` of pipelines and servers."""
        return {"error": message, "error_type": "validation"}


class TestRerank(HuggingFace):
    operation = "rerank"
    sent = Sent("/at/rerank", json={"query": "Which is a city?", "texts": ["a city", "a name"]})
    answer: ClassVar[dict[str, Any]] = {
        "json": [{"index": 1, "score": 0.1}, {"index": 0, "score": 0.9}],
        "headers": {"x-compute-tokens": "12"},
    }
    tells: ClassVar[dict[str, Any]] = {
        "results": [
            {"index": 0, "relevance_score": 0.9, "document": {"text": "a city"}},
            {"index": 1, "relevance_score": 0.1, "document": {"text": "a name"}},
        ]
    }
    used = Usage(input=12, units=Units(queries=1))


class TestImages(HuggingFace):
    operation = "image_generation"
    values: ClassVar[dict[str, Any]] = {"response_format": "url"}
    sent = Sent("/at", json={"inputs": "a cat"})
    answer: ClassVar[dict[str, Any]] = {"body": PNG, "headers": {"content-type": "image/png"}}
    tells: ClassVar[dict[str, Any]] = {"data": [{"b64_json": base64.b64encode(PNG).decode()}]}
    used = Usage(units=Units(images=1))


class TestTranscripts(HuggingFace):
    operation = "transcription"
    sent = Sent("/at", body=WAV)
    answer: ClassVar[dict[str, Any]] = {"json": {"text": "Good day."}}
    tells: ClassVar[dict[str, Any]] = {"text": "Good day."}
