"""Formats of rerank that upstreams alone speak: texts are ranked, and their places come back."""

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
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.rerank_documents import with_documents
from nova_core.wire.upstream_only import UpstreamOnly

Read = Callable[[UpstreamResponse], Reply | Exchange]


class RankingFormat(UpstreamOnly):
    """A format of rerank. Subclasses write `said` and `ranked`.

    `answer` is the member by which a reply is known, and `id_at` that of its id; `bounds` are the fields among
    `max_tokens_per_doc` and `max_chunks_per_doc` that `said` says.
    """

    operation: Operation = "rerank"
    answer: str
    bounds: frozenset[str] = frozenset()
    id_at = "id"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the request. What is said of `top_n` or not, `with_places` keeps it."""
        request = rerank_request(typed)
        notes = Notes(own=False, dialect=self.name)
        documents = [text_of(each, place, request, notes) for place, each in enumerate(request.documents)]
        query = request.query if isinstance(request.query, str) else text_of(request.query, None, request, notes)
        for name in ("max_tokens_per_doc", "max_chunks_per_doc"):
            if name not in self.bounds and getattr(request, name) is not None:
                notes.lost(name, "the vendor cuts documents as it sees fit")
        members = self.said(request, query, documents)
        notes.extra(members, request.extra)
        return members, notes.fidelity()

    def said(self, request: RerankRequest, query: str, documents: list[str]) -> dict[str, Any]:
        """The members."""
        raise AssertionError("subclasses render")

    def ranked(self, members: Mapping[str, Any]) -> tuple[Ranked, ...]:
        """The results of a reply. Raises KeyError, TypeError and ValueError for one of another shape."""
        raise AssertionError("subclasses parse")

    def check_reply(self, members: Members) -> None:
        """The array of answers. Raises BadGatewayError."""
        if not isinstance(decoded(members.get(self.answer)), list):
            raise BadGatewayError(f"the upstream's answer is no reply of rerank: it has no `{self.answer}`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply, the best result first. Raises BadGatewayError for results that are none."""
        self.check_reply(members)
        try:
            results = self.ranked(members)
        except (KeyError, TypeError, ValueError) as error:
            raise BadGatewayError(f"the upstream's `{self.answer}` have no place or no score") from error
        named = {name: members[name] for name in ("model", self.id_at) if isinstance(members.get(name), str)}
        return RerankReply(named.get("model", ""), results, id=named.get(self.id_at), usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage | None:
        """One query."""
        return Usage(units=Units(queries=1.0))


def with_places(exchange: Exchange, request: Request) -> Exchange:
    """The exchange of a rerank in such a format: no more results than asked for, with documents where wanted."""
    if isinstance(exchange.dialect, RankingFormat) and (most := rerank_request(request.typed).top_n) is not None:
        exchange = msgspec.structs.replace(exchange, read=partial(_cut, exchange.read, most))
    return with_documents(exchange, request)


def _cut(read: Read, most: int, response: UpstreamResponse) -> Reply | Exchange:
    reply = read(response)
    if isinstance(reply, Exchange):
        return msgspec.structs.replace(reply, read=partial(_cut, reply.read, most))
    if not isinstance(typed := reply.typed, RerankReply) or len(typed.results) <= most:
        return reply
    return reply.with_typed(replace(typed, results=typed.results[:most]))
