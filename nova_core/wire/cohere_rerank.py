"""Cohere's Rerank format (`/v2/rerank`), and what rerank formats have in common."""

# Source: Cohere API reference, "Rerank" (v2; of v1 `return_documents`, `rank_fields` and `max_chunks_per_doc`).

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.rerank import Document, Ranked, RerankReply, RerankRequest
from nova_core.types.usage import Units, Usage
from nova_core.wire.json_operation import JsonOperation, check_kinds, check_text, count, extra_of, given
from nova_core.wire.openai_chat.errors import render_error
from nova_core.wire.openai_chat.fields import Fields, bad_field
from nova_core.wire.openai_chat.notes import Notes

KNOWN_REPLY = frozenset({"id", "object", "model", "results", "meta", "usage"})
RANK_KINDS: Mapping[str, str] = {
    "documents": "array",
    "top_n": "number",
    "max_tokens_per_doc": "number",
    "max_chunks_per_doc": "number",
    "return_documents": "flag",
    "rank_fields": "array",
}


class RerankFormat(JsonOperation):
    """What formats with `query`, `documents` and `results` share. `returns_documents` is what they do unasked."""

    operation: Operation = "rerank"
    answer = "results"
    returns_documents = False

    def check_request(self, members: Members) -> None:
        """`model`, a `query` and at least one of `documents`. Raises BadRequestError."""
        check_text(members, "model")
        self.check_query(members)
        check_kinds(members, RANK_KINDS)
        self.refuse_stream(members)
        documents = decoded(members.get("documents"))
        if not documents:
            problem = "is required" if documents is None else "must not be empty"
            raise BadRequestError(f"`documents` {problem}", param="documents", code="missing_required_parameter")
        for place, document in enumerate(documents):
            if not isinstance(document, str | dict):
                raise bad_field(f"documents[{place}]", "must be a string or an object")
        top_n = decoded(members.get("top_n"))
        if top_n is not None and (type(top_n) is not int or top_n < 1):
            raise bad_field("top_n", "must be a whole number of at least 1")

    def check_query(self, members: Members) -> None:
        """`query` is a text."""
        check_text(members, "query")

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Typed request. Raises BadRequestError whose `param` is the field's path."""
        self.check_request(members)
        fields = Fields(members, "")
        wanted = fields.boolean("return_documents")
        return RerankRequest(
            model=fields.required_text("model"),
            query=fields.take("query"),
            documents=tuple(fields.array("documents") or ()),
            top_n=fields.integer("top_n"),
            return_documents=self.returns_documents if wanted is None else wanted,
            rank_fields=fields.strings("rank_fields") or None,
            max_tokens_per_doc=fields.integer("max_tokens_per_doc"),
            max_chunks_per_doc=fields.integer("max_chunks_per_doc"),
            extra=fields.extra(self.name),
        )

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for results that are none."""
        self.check_reply(members)
        model, id = members.get("model"), members.get("id")
        return RerankReply(
            model=model if isinstance(model, str) else "",
            results=tuple(_ranked(each, place, self.name) for place, each in enumerate(members["results"])),
            id=id if isinstance(id, str) else None,
            search_units=_search_units(members.get("meta")),
            usage=self.usage_of(members),
            extra=extra_of(self.name, {**members, **_warnings(members)}, KNOWN_REPLY),
        )

    def usage_of(self, members: Members) -> Usage:
        """Tokens where they are stated; search units, and one query where a vendor does not count in them."""
        meta = _mapping(decoded(members.get("meta")))
        units = _search_units(meta)
        stated = _mapping(decoded(members.get("usage"))) or _mapping(meta.get("tokens"))
        tokens = count(stated.get("input_tokens")) or count(stated.get("prompt_tokens"))
        made = count(stated.get("output_tokens")) or count(stated.get("completion_tokens"))
        tokens = tokens or max(0, count(stated.get("total_tokens")) - made)
        return Usage(input=tokens, output=made, units=Units(queries=1.0 if units is None else units))


class CohereRerank(RerankFormat):
    """The dialect. Documents are texts; what a caller is to get back of them is put in by `with_documents`."""

    name = "cohere_rerank"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of version 2. Objects become texts: their `text`, or the fields that count, one a line."""
        request = rerank_request(typed)
        notes = Notes(own=self.name in request.extra, dialect=self.name)
        documents = [text_of(each, place, request, notes) for place, each in enumerate(request.documents)]
        query = request.query if isinstance(request.query, str) else text_of(request.query, None, request, notes)
        members = given(
            {
                "model": request.model,
                "query": query,
                "documents": documents,
                "top_n": request.top_n,
                "max_tokens_per_doc": request.max_tokens_per_doc,
            }
        )
        if request.max_chunks_per_doc is not None:
            notes.hint("max_chunks_per_doc", "`max_tokens_per_doc` bounds documents here")
        notes.extra(members, request.extra)
        return members, notes.fidelity()

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """`id`, `results` and `meta`, with the billed units as far as they are known."""
        reply = rerank_reply(typed)
        usage = reply.usage or Usage()
        billed = given({"search_units": reply.search_units, "total_tokens": usage.total or None})
        tokens = {"input_tokens": usage.input_total, "output_tokens": usage.output_total} if usage.total else None
        meta = given({"api_version": {"version": "2"}, "billed_units": billed or None, "tokens": tokens})
        results = [rendered(each, self.name) for each in reply.results]
        own = reply.extra.get(self.name, {})
        return {**own, "id": reply.id or str(uuid4()), "results": results, "meta": meta}

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """Cohere's `message`, and OpenAI's error beside it."""
        return {"message": error.message, **render_error(error)}


def rerank_request(typed: TypedRequest) -> RerankRequest:
    """The typed view of a rerank. Raises BadRequestError for any other."""
    if not isinstance(typed, RerankRequest):
        raise BadRequestError("only a request for rerank can be sent as one")
    return typed


def rerank_reply(typed: TypedReply) -> RerankReply:
    """The typed view of a rerank's reply. Raises BadGatewayError for any other."""
    if not isinstance(typed, RerankReply):
        raise BadGatewayError("only a reply of a rerank can be answered as one")
    return typed


def text_of(document: Document, place: int | None, request: RerankRequest, notes: Notes) -> str:
    """A document (or without a place the query) as a text, and a note on what that leaves out."""
    if isinstance(document, str):
        return document
    path = "query" if place is None else f"documents[{place}]"
    kept = {name: document[name] for name in request.rank_fields or document if name in document}
    texts = {name: value for name, value in kept.items() if isinstance(value, str | int | float)}
    if "image" in kept or not texts:
        notes.lost(path, "only texts can be ranked")
    elif list(texts) == ["text"]:
        return str(texts["text"])
    else:
        notes.approximated(path, "said as a text")
    return "\n".join(f"{name}: {value}" for name, value in texts.items())


def rendered(ranked: Ranked, dialect: str) -> dict[str, Any]:
    """One result; a document that is a text is put in an object, as both formats have it."""
    document = {"text": ranked.document} if isinstance(ranked.document, str) else ranked.document
    own = dict(ranked.extra.get(dialect, {}))
    return own | given({"index": ranked.index, "relevance_score": ranked.score, "document": document})


def _ranked(each: Any, place: int, dialect: str) -> Ranked:
    index = each.get("index") if isinstance(each, dict) else None
    score = _number(each.get("relevance_score")) if isinstance(each, dict) else None
    if type(index) is not int or score is None:
        raise BadGatewayError(f"the upstream's `results[{place}]` has no index or no relevance score")
    document = each.get("document")
    return Ranked(
        index=index,
        score=score,
        document=document if isinstance(document, str | dict) else None,
        extra=extra_of(dialect, each, frozenset({"index", "relevance_score", "document"})),
    )


def _warnings(members: Mapping[str, Any]) -> dict[str, Any]:
    warnings = _mapping(members.get("meta")).get("warnings")
    return {"warnings": warnings} if warnings else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _search_units(meta: Any) -> float | None:
    return _number(_mapping(_mapping(meta).get("billed_units")).get("search_units"))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


COHERE_RERANK = CohereRerank()
