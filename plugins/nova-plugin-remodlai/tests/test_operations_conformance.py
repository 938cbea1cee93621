"""What Nova's servers do beside chat and embeddings is what every provider's must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import WAV
from nova_plugin_remodlai import plugin


class Remodlai(OperationConformance):
    plugin = plugin
    provider = "remodlai"
    key_env = "REMODLAI_API_KEY"


class TestRerank(Remodlai):
    operation = "rerank"
    model = "nova-rerank"
    sent = Sent("/v1/rerank")
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "results": [{"index": 0, "relevance_score": 0.9}, {"index": 1, "relevance_score": 0.1}],
            "usage": {"total_tokens": 17},
        }
    }
    tells: ClassVar[dict[str, Any]] = {
        "results": [
            {"index": 0, "relevance_score": 0.9, "document": {"text": "a city"}},
            {"index": 1, "relevance_score": 0.1, "document": {"text": "a name"}},
        ]
    }
    used = Usage(input=17, units=Units(queries=1))


class TestTranscripts(Remodlai):
    operation = "transcription"
    model = "nova-listens"
    sent = Sent("/v1/audio/transcriptions", form={"model": "nova-listens", "file": WAV})
    answer: ClassVar[dict[str, Any]] = {"json": {"text": "Good day.", "duration": 2.5}}
    tells: ClassVar[dict[str, Any]] = {"text": "Good day.", "duration": 2.5}
    used = Usage(units=Units(input_seconds=2.5))
