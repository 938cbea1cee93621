"""Embeddings of texts, and rerank."""

# https://cloud.ibm.com/apidocs/watsonx-ai#text-embeddings and #text-rerank

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Request
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.drop_policy import review
from nova_core.wire.enveloped import EMBEDDED, Body, vendors_own
from nova_plugin_watsonx.errors import failure_in

TRUNCATE: Final = "truncate_input_tokens"
RANKED: Final = frozenset(
    {"model", "query", "documents", "top_n", "max_tokens_per_doc", "return_documents", "rank_fields"}
)
"""Members of a rerank that are said, or answered here."""


def embeddings_body(members: Mapping[str, Any]) -> Body:
    """The request beside model and account, of OpenAI's members, decoded."""
    given = members.get("input")
    own = vendors_own(members, {*EMBEDDED, TRUNCATE})
    parameters = own | _limit(members.get(TRUNCATE))
    return {
        "inputs": given if isinstance(given, list) else [given],
        **({"parameters": parameters} if parameters else {}),
    }


def review_embeddings(request: Request) -> Fidelity:
    """What cannot be said of an embeddings request."""
    return Fidelity(tuple(_notes(request)))


def embeddings_reply(answer: Body) -> Body:
    """The reply in OpenAI's format."""
    if (failed := failure_in(answer)) is not None:
        return failed
    data = [
        {"object": "embedding", "index": place, "embedding": result["embedding"]}
        for place, result in enumerate(answer["results"])
    ]
    return {"object": "list", "data": data, "model": answer.get("model_id") or "", **_usage(answer)}


def rerank_body(request: Request) -> Body:
    """The request beside model and account, its documents as texts."""
    members, _ = COHERE_RERANK.render_request(request.typed)
    returned = {} if members.get("top_n") is None else {"return_options": {"top_n": members["top_n"]}}
    limit = members.get("max_tokens_per_doc")
    texts = [{"text": said} for said in members["documents"]]
    parameters = _limit(limit) | returned
    return {"inputs": texts, "query": members["query"], **({"parameters": parameters} if parameters else {})}


def review_rerank(request: Request) -> Fidelity:
    """What cannot be said of a rerank."""
    return review(request.members, sorted(request.members.keys() - RANKED))


def rerank_reply(answer: Body) -> Body:
    """The results; their scores are the model's own."""
    if (failed := failure_in(answer)) is not None:
        return failed
    results = [{"index": result["index"], "relevance_score": result["score"]} for result in answer["results"]]
    return {"results": results, "meta": {"tokens": {"input_tokens": answer.get("input_token_count") or 0}}}


def _notes(request: Request) -> Iterator[FieldNote]:
    given = request.get("input")
    if isinstance(given, list) and not all(isinstance(item, str) for item in given):
        yield FieldNote("input", Fate.LOST, "only texts are embedded")
    for name in ("dimensions", "task", "input_type", "return_multivector"):
        if request.get(name) not in (None, False):
            yield FieldNote(name, Fate.LOST, "the models have no such choice")
    if request.get("user") is not None:
        yield FieldNote("user", Fate.HINT)


def _limit(tokens: Any) -> Body:
    return {TRUNCATE: tokens} if tokens is not None else {}


def _usage(answer: Body) -> Body:
    count = answer.get("input_token_count")
    return {"usage": {"prompt_tokens": count, "total_tokens": count}} if count else {}
