"""Rerank as the vendors say it that do not say it like the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, Reply, Request, TypedReply, TypedRequest, decoded
from nova_core.types.rerank import Ranked, RerankReply, RerankRequest
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.cohere_rerank import rerank_request, text_of
from nova_core.wire.json_operation import count, given
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.rerank_documents import with_documents
from nova_core.wire.upstream_only import UpstreamOnly

Read = Callable[[UpstreamResponse], Reply | Exchange]


class RankingFormat(UpstreamOnly):
    """What both have in common: texts alone are ranked, all of them, and the places come back."""

    operation: Operation = "rerank"
    answer: str

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the request. `top_n` is kept by `reranked`, which reads the reply."""
        request = rerank_request(typed)
        notes = Notes(own=False, dialect=self.name)
        documents = [text_of(each, place, request, notes) for place, each in enumerate(request.documents)]
        query = request.query if isinstance(request.query, str) else text_of(request.query, None, request, notes)
        for name in ("max_tokens_per_doc", "max_chunks_per_doc"):
            if getattr(request, name) is not None:
                notes.lost(name, "the vendor cuts documents as it sees fit")
        members = self.said(request, query, documents)
        notes.extra(members, request.extra)
        return members, notes.fidelity()

    def said(self, request: RerankRequest, query: str, documents: list[str]) -> dict[str, Any]:
        """The members."""
        raise AssertionError("subclasses render")

    def check_reply(self, members: Members) -> None:
        """The array of answers. Raises BadGatewayError."""
        if not isinstance(decoded(members.get(self.answer)), list):
            raise BadGatewayError(f"the upstream's answer is no reply of rerank: it has no `{self.answer}`")


class Rankings(RankingFormat):
    """Retrieval NIMs (https://docs.nvidia.com/nim, "Text Reranking"): passages are ranked, and scores are logits."""

    name = "rankings"
    answer = "rankings"

    def said(self, request: RerankRequest, query: str, documents: list[str]) -> dict[str, Any]:
        """Query and passages as objects."""
        return {"model": request.model, "query": {"text": query}, "passages": [{"text": each} for each in documents]}

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for rankings that are none."""
        try:
            results = tuple(Ranked(int(each["index"]), float(each["logit"])) for each in members[self.answer])
        except (KeyError, TypeError, ValueError) as error:
            raise BadGatewayError("the upstream's `rankings` have no index or no logit") from error
        return RerankReply(str(members.get("model") or ""), results, usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """Tokens where they are stated, and one query."""
        usage = decoded(members.get("usage"))
        tokens = count(usage.get("total_tokens")) if isinstance(usage, dict) else 0
        return Usage(input=tokens, units=Units(queries=1.0))


class Scores(RankingFormat):
    """Rerankers at DeepInfra (https://deepinfra.com, the models' pages, "API"): a score for each document, in order."""

    name = "scores"
    answer = "scores"

    def said(self, request: RerankRequest, query: str, documents: list[str]) -> dict[str, Any]:
        """The query once for each document; the model is in the address."""
        return {"model": request.model, "queries": [query] * len(documents), "documents": documents}

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for scores that are none."""
        try:
            scores = [float(score) for score in members[self.answer]]
        except (TypeError, ValueError) as error:
            raise BadGatewayError("the upstream's `scores` are no numbers") from error
        ranked = sorted(enumerate(scores), key=lambda pair: -pair[1])
        id = members.get("request_id")
        return RerankReply(
            "",
            tuple(Ranked(index, score) for index, score in ranked),
            id=id if isinstance(id, str) else None,
            usage=self.usage_of(members),
        )

    def usage_of(self, members: Members) -> Usage:
        """Input tokens, and one query."""
        return Usage(input=count(decoded(members.get("input_tokens"))), units=Units(queries=1.0))


def reranked(exchange: Exchange, request: Request, results_at: str) -> Exchange:
    """The exchange of a rerank whose reply has its results where they belong, no more than asked for, and documents."""
    if results_at != "results":
        exchange = msgspec.structs.replace(exchange, read=partial(_moved, exchange.read, results_at))
    if isinstance(exchange.dialect, RankingFormat) and (most := rerank_request(request.typed).top_n) is not None:
        exchange = msgspec.structs.replace(exchange, read=partial(_cut, exchange.read, most))
    return with_documents(exchange, request)


def _moved(read: Read, at: str, response: UpstreamResponse) -> Reply | Exchange:
    try:
        members = msgspec.json.decode(response.body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return read(response)  # which says what is wrong with it
    if at in members and "results" not in members:
        moved = given({**members, "results": members[at], at: None})
        response = UpstreamResponse(response.status, response.headers, msgspec.json.encode(moved))
    return read(response)


def _cut(read: Read, most: int, response: UpstreamResponse) -> Reply | Exchange:
    reply = read(response)
    if isinstance(reply, Exchange) or not isinstance(typed := reply.typed, RerankReply) or len(typed.results) <= most:
        return reply
    return Reply(
        reply.operation, reply.dialect, typed=replace(typed, results=typed.results[:most]), headers=reply.headers
    )


RANKINGS = Rankings()
SCORES = Scores()
