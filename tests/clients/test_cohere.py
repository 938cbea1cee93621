"""Cohere's own client, which ranks documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nova_core.testing import ScriptedUpstream
from nova_core.testing.server_process import ServerProcess

cohere = pytest.importorskip("cohere", reason="Cohere's client is not installed")

pytestmark = pytest.mark.slow
KEY = "sk-nova-client-key"
DOCUMENTS = ["a cat", "a dog", "a bird"]
RESULTS = [{"index": 2, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.25}]
ANSWERS: dict[str, Any] = {
    "rerank-v3.5": {"id": "r", "results": RESULTS, "meta": {"billed_units": {"search_units": 1}}},
    "rerank-2.5": {"object": "list", "data": RESULTS, "model": "rerank-2.5", "usage": {"total_tokens": 9}},
    "jina-reranker-m0": {"model": "jina-reranker-m0", "results": RESULTS, "usage": {"total_tokens": 9}},
}
"""What each vendor answers, by its model."""
VENDORS = {"cohere": "rerank-v3.5", "voyage": "rerank-2.5", "jina_ai": "jina-reranker-m0"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a reranker of each vendor, under the vendor's name."""
    with ScriptedUpstream() as upstream:
        for model, answer in ANSWERS.items():
            upstream.script(model, json=answer)
        config = {
            "model_list": [
                {"model_name": vendor, "litellm_params": {"model": f"{vendor}/{model}", "api_base": upstream.url}}
                for vendor, model in VENDORS.items()
            ],
            "general_settings": {"master_key": KEY},
        }
        server = ServerProcess.serving(config, tmp_path_factory.mktemp("cohere"))
        yield server.base_url
        server.stop()


@pytest.mark.parametrize("vendor", VENDORS)
def test_coheres_client_ranks_documents_at_any_vendor(url: str, vendor: str) -> None:
    client = cohere.ClientV2(api_key=KEY, base_url=url)
    found = client.rerank(model=vendor, query="What flies?", documents=DOCUMENTS, top_n=2)
    assert [(each.index, each.relevance_score) for each in found.results] == [(2, 0.9), (0, 0.25)]


def test_coheres_client_raises_the_class_of_an_error(url: str) -> None:
    with pytest.raises(cohere.NotFoundError) as caught:
        cohere.ClientV2(api_key=KEY, base_url=url).rerank(model="nobody", query="What flies?", documents=DOCUMENTS)
    assert "nobody" in caught.value.body["message"]
