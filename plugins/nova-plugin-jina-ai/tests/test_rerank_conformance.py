"""Jina's rerank does what every provider's must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_plugin_jina_ai import plugin


class TestJinaRerank(OperationConformance):
    plugin = plugin
    provider = "jina_ai"
    operation = "rerank"
    model = "jina-reranker-m0"
    key_env = "JINA_API_KEY"
    sent = Sent(
        "/v1/rerank",
        json={"model": "jina-reranker-m0", "query": "Which is a city?", "documents": ["a city", "a name"]},
    )
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "model": "jina-reranker-m0",
            "object": "list",
            "usage": {"total_tokens": 17},
            "results": [
                {"index": 0, "relevance_score": 0.9, "document": {"text": "a city"}},
                {"index": 1, "relevance_score": 0.1, "document": {"text": "a name"}},
            ],
        }
    }
    tells: ClassVar[dict[str, Any]] = answer["json"]
    used = Usage(input=17, units=Units(queries=1))

    def error_body(self, message: str) -> Any:
        """Jina's `detail`."""
        return {"detail": message}
