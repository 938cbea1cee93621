"""Rerank of texts."""

# https://docs.oracle.com/en-us/iaas/api/#/en/generative-ai-inference/20231130/datatypes/RerankTextDetails

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.rerank import Ranked, RerankRequest
from nova_core.wire.json_operation import given
from nova_core.wire.ranking_format import RankingFormat


class OciRanking(RankingFormat):
    """The details beside place and model, and the ranks of a result."""

    name = "oci_ranking"
    answer = "documentRanks"
    bounds = frozenset({"max_tokens_per_doc", "max_chunks_per_doc"})

    def said(self, request: RerankRequest, query: str, documents: list[str]) -> dict[str, Any]:
        """Query and documents; these do not come back."""
        bounds = {
            "topN": request.top_n,
            "maxChunksPerDocument": request.max_chunks_per_doc,
            "maxTokensPerDocument": request.max_tokens_per_doc,
        }
        return {"model": request.model, "input": query, "documents": documents, "isEcho": False, **given(bounds)}

    def ranked(self, members: Mapping[str, Any]) -> tuple[Ranked, ...]:
        """A score for each place."""
        return tuple(Ranked(int(each["index"]), float(each["relevanceScore"])) for each in members[self.answer])


OCI_RANKING: Final = OciRanking()
