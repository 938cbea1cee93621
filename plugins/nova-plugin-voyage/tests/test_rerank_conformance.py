"""Voyage's rerank does what every provider's must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_plugin_voyage import plugin


class TestVoyageRerank(OperationConformance):
    plugin = plugin
    provider = "voyage"
    operation = "rerank"
    model = "rerank-2.5"
    key_env = "VOYAGE_API_KEY"
    sent = Sent(
        "/v1/rerank",
        json={"model": "rerank-2.5", "query": "Which is a city?", "documents": ["a city", "a name"]},
    )
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "object": "list",
            "data": [{"relevance_score": 0.9, "index": 0}, {"relevance_score": 0.1, "index": 1}],
            "model": "rerank-2.5",
            "usage": {"total_tokens": 26},
        }
    }
    tells: ClassVar[dict[str, Any]] = {
        "results": [
            {"index": 0, "relevance_score": 0.9, "document": {"text": "a city"}},
            {"index": 1, "relevance_score": 0.1, "document": {"text": "a name"}},
        ]
    }
    used = Usage(input=26, units=Units(queries=1))

    def error_body(self, message: str) -> Any:
        """Voyage's `detail`."""
        return {"detail": message}
