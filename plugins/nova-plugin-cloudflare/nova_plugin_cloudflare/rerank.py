"""Rerank: `{"query", "contexts"}` in, ids and scores out."""

# https://developers.cloudflare.com/workers-ai/models/bge-reranker-base/

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest
from nova_core.types.rerank import Ranked, RerankReply
from nova_core.types.usage import Units, Usage
from nova_core.wire.cohere_rerank import rerank_request, text_of
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_cloudflare.results import result_of


class WorkersRerank(UpstreamOnly):
    """`POST /ai/run/@cf/baai/bge-reranker-base`."""

    name = "workers_rerank"
    operation: Operation = "rerank"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream."""
        request = rerank_request(typed)
        notes = ForeignNotes(own=False, dialect=self.name)
        texts = [text_of(each, place, request, notes) for place, each in enumerate(request.documents)]
        members: dict[str, Any] = {"model": request.model, "query": text_of(request.query, None, request, notes)}
        members["contexts"] = [{"text": text} for text in texts]
        if request.top_n is not None:
            members["top_k"] = request.top_n
        for name in ("max_tokens_per_doc", "max_chunks_per_doc"):
            if getattr(request, name) is not None:
                notes.lost(name, "the model cuts what is too long by itself")
        notes.foreign(request.extra)
        return members, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without results, or for a failure."""
        if not isinstance(result_of(members).get("response"), list):
            raise BadGatewayError("the upstream's answer has no `result.response`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply, the most relevant first. Raises BadGatewayError for items that are no result."""
        self.check_reply(members)
        found = [_ranked(item, place) for place, item in enumerate(result_of(members)["response"])]
        found.sort(key=lambda each: each.score, reverse=True)
        return RerankReply("", tuple(found), usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """One query."""
        return Usage(units=Units(queries=1.0))


def _ranked(item: Any, place: int) -> Ranked:
    index, score = (item.get("id"), item.get("score")) if isinstance(item, Mapping) else (None, None)
    if type(index) is not int or isinstance(score, bool) or not isinstance(score, int | float):
        raise BadGatewayError(f"the upstream's result {place} has no id or no score")
    return Ranked(index, float(score))


WORKERS_RERANK: Final = WorkersRerank()
