"""Vertex AI's ranking API: records in, records with scores out, the best first."""

# https://cloud.google.com/generative-ai-app-builder/docs/ranking

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.rerank import Ranked, RerankRequest
from nova_core.wire.ranking_format import RankingFormat


class GoogleRanking(RankingFormat):
    """`{"model", "query", "records": [{"id", "content"}], "topN"}`; ids are the places of documents."""

    name = "google_ranking"
    answer = "records"

    def said(self, request: RerankRequest, query: str, documents: list[str]) -> dict[str, Any]:
        """The members; contents do not come back."""
        records = [{"id": str(place), "content": each} for place, each in enumerate(documents)]
        members = {"model": request.model, "query": query, "records": records, "ignoreRecordDetailsInResponse": True}
        return members if request.top_n is None else {**members, "topN": request.top_n}

    def ranked(self, members: Mapping[str, Any]) -> tuple[Ranked, ...]:
        """A score for each id; JSON of this vendor leaves out a score of 0."""
        return tuple(Ranked(int(each["id"]), float(each.get("score", 0.0))) for each in members[self.answer])


GOOGLE_RANKING: Final = GoogleRanking()
