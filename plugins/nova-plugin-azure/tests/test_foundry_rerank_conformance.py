"""AI Foundry's rerank does what every provider's must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_plugin_azure import foundry


class TestFoundryRerank(OperationConformance):
    plugin = foundry
    provider = "azure_ai"
    operation = "rerank"
    model = "cohere-rerank-v4"
    api_path = "/v2/rerank"
    key_env = "AZURE_AI_API_KEY"
    sent = Sent("/v2/rerank", json={"model": model, "query": "Which is a city?", "documents": ["a city", "a name"]})
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "id": "r-1",
            "results": [{"index": 0, "relevance_score": 0.9}, {"index": 1, "relevance_score": 0.1}],
            "meta": {"billed_units": {"search_units": 1}},
        }
    }
    tells: ClassVar[dict[str, Any]] = {
        "results": [
            {"index": 0, "relevance_score": 0.9, "document": {"text": "a city"}},
            {"index": 1, "relevance_score": 0.1, "document": {"text": "a name"}},
        ]
    }
    used = Usage(units=Units(queries=1))
