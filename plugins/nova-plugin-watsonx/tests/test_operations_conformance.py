"""watsonx.ai's rerank and transcripts do what every provider's must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.testing.under_test import KEY
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import WAV
from nova_plugin_watsonx import plugin


class Watsonx(OperationConformance):
    plugin = plugin
    provider = "watsonx"
    api_path = ""
    settings: ClassVar[dict[str, Any]] = {"settings": {"project_id": "my-project", "token": KEY}}

    def error_body(self, message: str) -> Any:
        """The vendor's `errors`."""
        return {"errors": [{"code": "failed", "message": message}], "trace": "t"}


class TestRerank(Watsonx):
    operation = "rerank"
    model = "cross-encoder/ms-marco-minilm-l-12-v2"
    sent = Sent(
        "/ml/v1/text/rerank",
        json={
            "model_id": model,
            "project_id": "my-project",
            "query": "Which is a city?",
            "inputs": [{"text": "a city"}, {"text": "a name"}],
        },
    )
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "model_id": model,
            "results": [{"index": 0, "score": 0.9}, {"index": 1, "score": 0.1}],
            "input_token_count": 11,
        }
    }
    tells: ClassVar[dict[str, Any]] = {
        "results": [
            {"index": 0, "relevance_score": 0.9, "document": {"text": "a city"}},
            {"index": 1, "relevance_score": 0.1, "document": {"text": "a name"}},
        ]
    }
    used = Usage(input=11, units=Units(queries=1))


class TestTranscripts(Watsonx):
    operation = "transcription"
    model = "openai/whisper-tiny"
    sent = Sent("/ml/v1/audio/transcriptions", form={"model": model, "project_id": "my-project", "file": WAV})
    answer: ClassVar[dict[str, Any]] = {"json": {"text": "Good day."}}
    tells: ClassVar[dict[str, Any]] = {"text": "Good day."}
