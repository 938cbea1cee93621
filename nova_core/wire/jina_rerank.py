"""Jina's Rerank format (`/v1/rerank`), which most servers of rerankers speak."""

# Source: Jina AI API reference, "Reranker"; servers such as vLLM, Infinity and Xinference answer in the same shape.

from __future__ import annotations

from typing import Any

from nova_core.errors import BadRequestError, NovaError
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.cohere_rerank import RerankFormat, rendered, rerank_reply, rerank_request
from nova_core.wire.json_operation import check_text, given
from nova_core.wire.openai_chat.errors import render_error
from nova_core.wire.openai_chat.notes import Notes


class JinaRerank(RerankFormat):
    """The dialect. Query and documents may be objects (`{"text": …}`, `{"image": …}`); documents come back unasked."""

    name = "jina_rerank"
    returns_documents = True

    def check_query(self, members: Members) -> None:
        """`query` is a text, or an object that is not empty."""
        query = decoded(members.get("query"))
        if not isinstance(query, dict):
            check_text(members, "query")
        elif not query:
            raise BadRequestError("`query` must not be empty", param="query")

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the request; whether documents are to come back is always said."""
        request = rerank_request(typed)
        notes = Notes(own=self.name in request.extra, dialect=self.name)
        members = given(
            {
                "model": request.model,
                "query": request.query,
                "documents": list(request.documents),
                "top_n": request.top_n,
                "return_documents": request.return_documents,
                "max_tokens_per_doc": request.max_tokens_per_doc,
                "max_chunks_per_doc": request.max_chunks_per_doc,
            }
        )
        if request.rank_fields is not None:
            members["rank_fields"] = list(request.rank_fields)
        notes.extra(members, request.extra)
        return members, notes.fidelity()

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """`results`, `usage` in tokens where they are known, and in `meta` search units that a vendor bills."""
        reply = rerank_reply(typed)
        usage = reply.usage or Usage()
        tokens = {"total_tokens": usage.total, "prompt_tokens": usage.input_total} if usage.total else None
        meta = None if reply.search_units is None else {"billed_units": {"search_units": reply.search_units}}
        results = [rendered(each, self.name) for each in reply.results]
        own = reply.extra.get(self.name, {})
        head = given({"id": reply.id, "object": "list", "model": reply.model})
        return {**own, **head, "results": results, **given({"usage": tokens, "meta": meta})}

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """Jina's `detail`, and OpenAI's error beside it."""
        return {"detail": error.message, **render_error(error)}


JINA_RERANK = JinaRerank()
