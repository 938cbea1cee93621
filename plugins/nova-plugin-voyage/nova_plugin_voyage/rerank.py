"""Voyage's rerank as a dialect that only an upstream speaks."""

# https://docs.voyageai.com/reference/reranker-api

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import TypedReply, TypedRequest
from nova_core.wire.cohere_rerank import CohereRerank, rerank_reply, rerank_request

OWN_MEMBERS: Final = frozenset({"truncation"})


class VoyageRerank(CohereRerank):
    """`POST /rerank`: texts, `top_k`, and results under `data`."""

    name = "voyage_rerank"
    answer = "data"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream; documents are texts."""
        wanted = rerank_request(typed)
        extra = {name: dict(members) for name, members in wanted.extra.items()}
        own = {name: left.pop(name) for left in extra.values() for name in OWN_MEMBERS & left.keys()}
        members, fidelity = super().render_request(replace(wanted, max_tokens_per_doc=None, extra=extra))
        if (most := members.pop("top_n", None)) is not None:
            members["top_k"] = most
        if wanted.max_tokens_per_doc is not None:
            fidelity += Fidelity((FieldNote("max_tokens_per_doc", Fate.LOST, "documents are cut where they must be"),))
        return members | own, fidelity

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for results that are none."""
        self.check_reply(members)
        return replace(rerank_reply(super().parse_reply({**members, "results": members["data"]})), extra={})


VOYAGE_RERANK: Final = VoyageRerank()
