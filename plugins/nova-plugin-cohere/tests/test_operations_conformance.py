"""Cohere's rerank and transcripts do what every provider's must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import WAV
from nova_plugin_cohere import plugin


class Cohere(OperationConformance):
    plugin = plugin
    provider = "cohere"
    api_path = ""
    key_env = "COHERE_API_KEY"

    def error_body(self, message: str) -> Any:
        """Cohere's `message`."""
        return {"id": "e-1", "message": message}


class TestRerank(Cohere):
    operation = "rerank"
    model = "rerank-v3.5"
    sent = Sent(
        "/v2/rerank", json={"model": "rerank-v3.5", "query": "Which is a city?", "documents": ["a city", "a name"]}
    )
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "id": "r-1",
            "results": [{"index": 0, "relevance_score": 0.9}, {"index": 1, "relevance_score": 0.1}],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
        }
    }
    tells: ClassVar[dict[str, Any]] = {
        "id": "r-1",
        "results": [
            {"index": 0, "relevance_score": 0.9, "document": {"text": "a city"}},
            {"index": 1, "relevance_score": 0.1, "document": {"text": "a name"}},
        ],
    }
    used = Usage(units=Units(queries=1))


class TestTranscripts(Cohere):
    operation = "transcription"
    model = "cohere-transcribe"
    asks: ClassVar[dict[str, Any]] = {"language": "en"}
    sent = Sent("/v2/audio/transcriptions", form={"model": "cohere-transcribe", "language": "en", "file": WAV})
    answer: ClassVar[dict[str, Any]] = {"json": {"text": "Good day."}}
    tells: ClassVar[dict[str, Any]] = {"text": "Good day."}
