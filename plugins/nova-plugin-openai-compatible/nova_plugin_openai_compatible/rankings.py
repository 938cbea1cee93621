"""Rerank as the vendors say it that do not say it like the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from nova_core.types.message import Members, Reply, Request, decoded
from nova_core.types.rerank import Ranked, RerankRequest
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.json_operation import count, given
from nova_core.wire.ranking_format import RankingFormat, with_places

Read = Callable[[UpstreamResponse], Reply | Exchange]


class Rankings(RankingFormat):
    """Retrieval NIMs (https://docs.nvidia.com/nim, "Text Reranking"): passages are ranked, and scores are logits."""

    name = "rankings"
    answer = "rankings"

    def said(self, request: RerankRequest, query: str, documents: list[str]) -> dict[str, Any]:
        """Query and passages as objects."""
        return {"model": request.model, "query": {"text": query}, "passages": [{"text": each} for each in documents]}

    def ranked(self, members: Mapping[str, Any]) -> tuple[Ranked, ...]:
        """A logit for each place."""
        return tuple(Ranked(int(each["index"]), float(each["logit"])) for each in members[self.answer])

    def usage_of(self, members: Members) -> Usage:
        """Tokens where they are stated, and one query."""
        usage = decoded(members.get("usage"))
        tokens = count(usage.get("total_tokens")) if isinstance(usage, dict) else 0
        return Usage(input=tokens, units=Units(queries=1.0))


class Scores(RankingFormat):
    """Rerankers at DeepInfra (https://deepinfra.com, the models' pages, "API"): a score for each document, in order."""

    name = "scores"
    answer = "scores"
    id_at = "request_id"

    def said(self, request: RerankRequest, query: str, documents: list[str]) -> dict[str, Any]:
        """The query once for each document; the model is in the address."""
        return {"model": request.model, "queries": [query] * len(documents), "documents": documents}

    def ranked(self, members: Mapping[str, Any]) -> tuple[Ranked, ...]:
        """The scores, the best first."""
        ranked = sorted(enumerate(map(float, members[self.answer])), key=lambda pair: -pair[1])
        return tuple(Ranked(index, score) for index, score in ranked)

    def usage_of(self, members: Members) -> Usage:
        """Input tokens, and one query."""
        return Usage(input=count(decoded(members.get("input_tokens"))), units=Units(queries=1.0))


def reranked(exchange: Exchange, request: Request, results_at: str) -> Exchange:
    """The exchange of a rerank whose reply has its results where they belong, no more than asked for, and documents."""
    if results_at != "results":
        exchange = msgspec.structs.replace(exchange, read=partial(_moved, exchange.read, results_at))
    return with_places(exchange, request)


def _moved(read: Read, at: str, response: UpstreamResponse) -> Reply | Exchange:
    try:
        members = msgspec.json.decode(response.body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return read(response)  # which says what is wrong with it
    if at in members and "results" not in members:
        moved = given({**members, "results": members[at], at: None})
        response = UpstreamResponse(response.status, response.headers, msgspec.json.encode(moved))
    return read(response)


RANKINGS = Rankings()
SCORES = Scores()
