"""Rerank: `{"query", "texts"}` in, a list of scores out."""

# https://huggingface.github.io/text-embeddings-inference (POST /rerank)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, Reply, Request, TypedReply, TypedRequest
from nova_core.types.rerank import Ranked, RerankReply, RerankRequest
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.cohere_rerank import rerank_request, text_of
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.rerank_documents import Read, with_documents
from nova_plugin_huggingface.notes import ListFormat


class Rerank(ListFormat):
    """`POST /rerank` of Text Embeddings Inference."""

    name = "tei_rerank"
    operation: Operation = "rerank"
    member = "results"
    words = ListFormat.words | {"raw_scores"}

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. How many results are wanted is seen to when they are there."""
        request = rerank_request(typed)
        notes = ForeignNotes(own=False, dialect=self.name)
        texts = [text_of(each, place, request, notes) for place, each in enumerate(request.documents)]
        query = text_of(request.query, None, request, notes)
        if request.top_n is not None:
            notes.mapped("top_n", "all are ranked, and the best answered")
        for name in ("max_tokens_per_doc", "max_chunks_per_doc"):
            if getattr(request, name) is not None:
                notes.lost(name, "`truncate` cuts what is too long")
        members = {"model": request.model, "query": query, "texts": texts}
        return members | self.own_words(request.extra, notes), notes.fidelity()

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply, the most relevant first. Raises BadGatewayError for items that are no result."""
        self.check_reply(members)
        found = [_ranked(item, place) for place, item in enumerate(members["results"])]
        found.sort(key=lambda each: each.score, reverse=True)
        return RerankReply("", tuple(found), usage=self.usage_of(members))

    def usage_of(self, members: Mapping[str, Any]) -> Usage:
        """One query, and the tokens that the header counted."""
        stated = super().usage_of(members) or Usage()
        return Usage(input=stated.input, units=Units(queries=1.0))


def as_asked(request: Request, exchange: Exchange) -> Exchange:
    """The exchange, whose results are as many as are wanted, with their documents where these are."""
    typed = request.typed
    if isinstance(typed, RerankRequest) and typed.top_n is not None:
        exchange = msgspec.structs.replace(exchange, read=partial(_best, exchange.read, typed.top_n))
    return with_documents(exchange, request)


def _best(read: Read, most: int, response: UpstreamResponse) -> Reply | Exchange:
    reply = read(response)
    assert isinstance(reply, Reply)
    typed = reply.typed
    assert isinstance(typed, RerankReply)
    return reply.with_typed(replace(typed, results=typed.results[:most]))


def _ranked(item: Any, place: int) -> Ranked:
    index, score = (item.get("index"), item.get("score")) if isinstance(item, Mapping) else (None, None)
    if type(index) is not int or isinstance(score, bool) or not isinstance(score, int | float):
        raise BadGatewayError(f"the upstream's result {place} has no index or no score")
    return Ranked(index, float(score))


RERANK: Final = Rerank()
