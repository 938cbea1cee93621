"""embedContent and batchEmbedContents: what callers say, and what upstreams are asked."""

from __future__ import annotations

from typing import Any

import pytest
from google.genai import types

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.embeddings import EmbeddingsReply, EmbeddingsRequest, Vector
from nova_core.types.message import Request
from nova_core.types.usage import Usage
from nova_core.wire.gemini import GEMINI_BATCH_EMBED, GEMINI_EMBED
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.translate import translate_request

Json = dict[str, Any]


def content(*parts: Json) -> Json:
    return {"parts": list(parts)}


def asked(dialect: Any, members: Json) -> EmbeddingsRequest:
    dialect.check_request(members)
    typed = dialect.parse_request(members)
    assert isinstance(typed, EmbeddingsRequest)
    return typed


def test_one_content_is_one_item_with_novas_name_for_its_task() -> None:
    members = {
        "model": "m", "content": content({"text": "a"}, {"text": "b"}), "task_type": "RETRIEVAL_QUERY",
        "outputDimensionality": 64,
    }  # fmt: skip
    typed = asked(GEMINI_EMBED, members)
    assert typed == EmbeddingsRequest("m", ("a\nb",), single=True, dimensions=64, task="retrieval.query")
    said, fidelity = translate_request(Request("embedding", GEMINI_EMBED, members), OPENAI_EMBEDDINGS)
    assert dict(said.members) == {"model": "m", "input": "a\nb", "dimensions": 64, "task": "retrieval.query"}
    assert fidelity.dropped == ()


def test_items_of_a_batch_keep_what_is_theirs_alone() -> None:
    requests: list[Json] = [
        {"model": "models/m", "content": content({"text": "a"}), "taskType": "CLUSTERING"},
        {"model": "models/m", "content": content({"text": "b"}), "taskType": "RETRIEVAL_DOCUMENT", "title": "T"},
        {"content": content({"text": "c"}, {"inlineData": {"mimeType": "image/png", "data": "iVBO"}})},
    ]
    typed = asked(GEMINI_BATCH_EMBED, {"model": "m", "requests": requests})
    assert typed.input == (
        {"text": "a", "task": "CLUSTERING"},
        {"text": "b", "title": "T", "task": "retrieval.passage"},
        {"text": "c", "image": "data:image/png;base64,iVBO"},
    )
    again, fidelity = GEMINI_BATCH_EMBED.render_request(typed)
    assert [item.get("taskType") for item in again["requests"]] == ["CLUSTERING", "RETRIEVAL_DOCUMENT", None]
    assert again["requests"][1]["title"] == "T"
    assert again["requests"][2]["content"] == requests[2]["content"]
    assert fidelity.dropped == ()
    for item in again["requests"]:
        types.Content.model_validate(item["content"])


@pytest.mark.parametrize("name", ["task", "input_type", "taskType"])
def test_a_task_is_understood_under_every_name(name: str) -> None:
    members = {"model": "m", "input": ["a"], "dimensions": 8, name: "search_query"}
    request = Request("embedding", OPENAI_EMBEDDINGS, members)
    said, fidelity = translate_request(request, GEMINI_BATCH_EMBED)
    assert said.members["requests"] == [
        {
            "model": "models/m",
            "content": content({"text": "a"}),
            "outputDimensionality": 8,
            "taskType": "RETRIEVAL_QUERY",
        }
    ]
    assert fidelity.dropped == ()


def test_what_cannot_be_said_is_named() -> None:
    members = {
        "model": "m", "input": [[1, 2], {"text": "x", "strange": 1}], "task": "poetry", "return_multivector": True,
        "adapter": "a", "user": "u",
    }  # fmt: skip
    _, fidelity = translate_request(Request("embedding", OPENAI_EMBEDDINGS, members), GEMINI_BATCH_EMBED)
    assert set(fidelity.lost) == {"input[0]", "input[1].strange", "task", "return_multivector", "adapter"}
    assert "user" in fidelity.dropped


@pytest.mark.parametrize(
    ("dialect", "members"),
    [
        (GEMINI_EMBED, {"model": "m"}),
        (GEMINI_EMBED, {"model": "m", "content": {"parts": []}}),
        (GEMINI_EMBED, {"content": content({"text": "a"})}),
        (GEMINI_BATCH_EMBED, {"model": "m", "requests": []}),
        (GEMINI_BATCH_EMBED, {"model": "m", "requests": [{}]}),
        (
            GEMINI_BATCH_EMBED,
            {
                "model": "m",
                "requests": [{"content": content({"text": "a"}), "outputDimensionality": n} for n in (1, 2)],
            },
        ),
    ],
)
def test_what_the_vendor_requires_is_checked(dialect: Any, members: Json) -> None:
    with pytest.raises(BadRequestError):
        asked(dialect, members)


def test_vectors_are_said_in_both_shapes() -> None:
    reply = EmbeddingsReply("m", (Vector(0, [0.5, 1]),), Usage(input=3))
    batch = GEMINI_BATCH_EMBED.render_reply(reply)
    assert batch == {
        "embeddings": [{"values": [0.5, 1]}],
        "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3},
    }
    assert GEMINI_EMBED.render_reply(reply)["embedding"] == {"values": [0.5, 1]}
    again = GEMINI_BATCH_EMBED.parse_reply(batch)
    assert isinstance(again, EmbeddingsReply)
    assert (again.data, again.usage) == (reply.data, reply.usage)
    two = EmbeddingsReply("m", (Vector(0, [1.0]), Vector(1, [2.0])))
    with pytest.raises(BadGatewayError):
        GEMINI_EMBED.render_reply(two)
    with pytest.raises(BadGatewayError):
        GEMINI_BATCH_EMBED.render_reply(EmbeddingsReply("m", (Vector(0, "AAAA"),)))


@pytest.mark.parametrize("members", [{}, {"error": {"message": "no"}}, {"embeddings": [{}]}, {"embeddings": {}}])
def test_what_is_no_answer_is_an_error(members: Json) -> None:
    with pytest.raises(BadGatewayError):
        GEMINI_BATCH_EMBED.parse_reply(members)


def test_defaults_go_into_every_request_that_leaves_them_open() -> None:
    requests = [{"content": content({"text": "a"})}, {"content": content({"text": "b"}), "task_type": "CLUSTERING"}]
    added = GEMINI_BATCH_EMBED.with_defaults(
        {"model": "m", "requests": requests}, {"dimensions": 4, "input_type": "RETRIEVAL_QUERY"}
    )
    assert [(item["outputDimensionality"], item["taskType"]) for item in added["requests"]] == [
        (4, "RETRIEVAL_QUERY"),
        (4, "CLUSTERING"),
    ]
    one = GEMINI_EMBED.with_defaults({"model": "m", "content": {}, "outputDimensionality": 9}, {"dimensions": 4})
    assert one["outputDimensionality"] == 9
