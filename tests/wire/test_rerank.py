"""Cohere's and Jina's rerank formats, and what is said in one of the other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.message import Reply, Request
from nova_core.types.rerank import Ranked, RerankReply, RerankRequest
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.body import parse_members
from nova_core.wire.cohere_rerank import COHERE_RERANK, RerankFormat
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.rerank_documents import with_documents
from nova_core.wire.translate import translate_reply, translate_request

ASKED = {"model": "m", "query": "red", "documents": ["grass", "a tomato"]}
FORMATS = pytest.mark.parametrize("dialect", [COHERE_RERANK, JINA_RERANK], ids=lambda dialect: dialect.name)


def request_in(dialect: RerankFormat, **members: Any) -> Request:
    return Request("rerank", dialect, parse_members(json.dumps({**ASKED, **members}).encode()))


def reply_in(dialect: RerankFormat, **members: Any) -> Reply:
    return Reply("rerank", dialect, parse_members(json.dumps(members).encode()))


@FORMATS
@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": None}, "model"),
        ({"query": ""}, "query"),
        ({"query": 1}, "query"),
        ({"documents": None}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": "grass"}, "documents"),
        ({"documents": ["grass", 1]}, "documents[1]"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": 1.5}, "top_n"),
        ({"return_documents": "yes"}, "return_documents"),
        ({"rank_fields": "text"}, "rank_fields"),
        ({"stream": True}, "stream"),
    ],
)
def test_what_a_rerank_needs_is_checked_first(dialect: RerankFormat, members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        dialect.check_request(request_in(dialect, **members).members)
    assert caught.value.param == param


@given(
    st.lists(st.text(), min_size=1),
    st.one_of(st.none(), st.integers(1, 9)),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 99)),
    st.sampled_from([COHERE_RERANK, JINA_RERANK]),
)
def test_texts_survive_the_way_through_either_format(
    documents: list[str], top_n: int | None, back: bool, most: int | None, dialect: RerankFormat
) -> None:
    asked = RerankRequest("m", "red", tuple(documents), top_n, back, max_tokens_per_doc=most)
    members, fidelity = dialect.render_request(asked)
    typed = dialect.parse_request(members)
    assert isinstance(typed, RerankRequest)
    assert (typed.documents, typed.top_n, typed.max_tokens_per_doc) == (tuple(documents), top_n, most)
    assert not fidelity.notes
    if dialect is JINA_RERANK:
        assert typed.return_documents is back


def test_objects_become_texts_where_only_texts_are_taken_and_images_are_lost() -> None:
    documents = [{"text": "grass"}, {"title": "T", "body": "B", "year": 1999}, {"image": "https://x.test/a.png"}]
    asked = request_in(JINA_RERANK, documents=documents, rank_fields=["title", "body", "text", "image"])
    sent, fidelity = translate_request(asked, COHERE_RERANK)
    assert sent.get("documents") == ["grass", "title: T\nbody: B", "image: https://x.test/a.png"]
    assert fidelity.lost == ("documents[2]",)


def test_what_only_one_format_has_is_lost_by_name() -> None:
    _, fidelity = translate_request(request_in(JINA_RERANK, truncation=True, max_chunks_per_doc=3), COHERE_RERANK)
    assert fidelity.lost == ("truncation",)
    assert fidelity.dropped == ("max_chunks_per_doc", "truncation")


def test_documents_come_back_as_a_callers_format_has_it_unasked() -> None:
    assert translate_request(request_in(COHERE_RERANK), JINA_RERANK)[0].get("return_documents") is False
    assert request_in(JINA_RERANK).typed.return_documents is True  # type: ignore[union-attr]


def test_a_reply_of_cohere_is_said_as_jinas_and_the_other_way_round() -> None:
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 1}]
    meta = {"billed_units": {"search_units": 2}, "api_version": {"version": "2"}}
    cohere = reply_in(COHERE_RERANK, id="r-1", results=results, meta=meta)
    jina = translate_reply(cohere, JINA_RERANK)
    assert jina.members["results"] == results
    assert jina.members["meta"] == {"billed_units": {"search_units": 2.0}}
    assert jina.members["id"] == "r-1"
    assert cohere.usage == Usage(units=Units(queries=2))
    spoken = reply_in(
        JINA_RERANK,
        model="m",
        usage={"total_tokens": 7},
        results=[{"index": 0, "relevance_score": 0.5, "document": "a"}],
    )
    said = translate_reply(spoken, COHERE_RERANK).members
    assert said["results"] == [{"index": 0, "relevance_score": 0.5, "document": {"text": "a"}}]
    assert said["meta"]["billed_units"] == {"total_tokens": 7}
    assert said["meta"]["tokens"] == {"input_tokens": 7, "output_tokens": 0}
    assert said["id"]
    assert spoken.usage == Usage(input=7, units=Units(queries=1))


@FORMATS
@pytest.mark.parametrize(
    "members",
    [
        {},
        {"results": {}},
        {"error": {"message": "no"}, "results": []},
        {"results": [1]},
        {"results": [{"index": 0}]},
        {"results": [{"index": "0", "relevance_score": 1}]},
        {"results": [{"index": 0, "relevance_score": True}]},
    ],
)
def test_what_is_no_reply_is_the_upstreams_fault(dialect: RerankFormat, members: dict[str, Any]) -> None:
    with pytest.raises(BadGatewayError):
        _ = reply_in(dialect, **members).typed


def exchange_with(reply: Reply) -> Exchange:
    request = UpstreamRequest("https://rerank.test")
    return Exchange(request, reply.dialect, lambda response: reply, lambda response: BadGatewayError("no"))


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (request_in(JINA_RERANK), "a tomato"),
        (request_in(JINA_RERANK, return_documents=False), None),
        (request_in(COHERE_RERANK), None),
        (request_in(COHERE_RERANK, return_documents=True), "a tomato"),
    ],
)
def test_documents_are_put_in_where_they_are_wanted_and_the_vendor_left_them_out(
    asked: Request, wanted: str | None
) -> None:
    bare = Reply("rerank", COHERE_RERANK, typed=RerankReply("m", (Ranked(1, 0.5), Ranked(9, 0.1))))
    read = with_documents(exchange_with(bare), asked).read(UpstreamResponse(200, {}, b""))
    assert isinstance(read, Reply)
    assert isinstance(read.typed, RerankReply)
    assert [each.document for each in read.typed.results] == [wanted, None]


def test_errors_are_said_in_both_formats_words() -> None:
    error = BadRequestError("`query` is required", param="query")
    assert COHERE_RERANK.render_error(error)["message"] == "`query` is required"
    assert JINA_RERANK.render_error(error)["detail"] == "`query` is required"
    assert COHERE_RERANK.render_error(error)["error"]["param"] == "query"
