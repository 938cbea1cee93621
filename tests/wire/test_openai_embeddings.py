"""The embeddings format: checks, both directions, and bytes that pass."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, BadRequestError, RateLimitedError
from nova_core.types.chat import ChatRequest
from nova_core.types.embeddings import EmbeddingsRequest, Vector
from nova_core.types.message import Reply, Request, plain
from nova_core.types.usage import Usage
from nova_core.wire.body import parse_members
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS


def members(**fields):
    return parse_members(json.dumps({"model": "nova-embeddings-v1", **fields}).encode())


def parsed(**fields) -> EmbeddingsRequest:
    return Request("embedding", OPENAI_EMBEDDINGS, members(**fields)).embeddings


@pytest.mark.parametrize(
    ("given_input", "items", "single"),
    [
        ("hello", ("hello",), True),
        (["a", "b"], ("a", "b"), False),
        (["a"], ("a",), False),
        ([1, 2, 3], ([1, 2, 3],), True),
        ([[1, 2], [3]], ([1, 2], [3]), False),
        ({"image": "https://x/y.png"}, ({"image": "https://x/y.png"},), True),
        ([{"text": "a", "task": "code"}, "b"], ({"text": "a", "task": "code"}, "b"), False),
        ([""], ("",), False),
    ],
)
def test_every_form_of_input_is_understood_and_rendered_back(given_input, items, single):
    request = parsed(input=given_input)
    assert (request.input, request.single) == (items, single)
    assert OPENAI_EMBEDDINGS.render_request(request)[0]["input"] == given_input


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": {}}, "input"),
        ({"input": 3}, "input"),
        ({"input": True}, "input"),
        ({"input": ["a", 3]}, "input[1]"),
        ({"input": ["a", None]}, "input[1]"),
        ({"input": [[1, 2], []]}, "input[1]"),
        ({"input": [[1.5]]}, "input[0]"),
        ({"input": [-1]}, "input[0]"),
        ({"input": [{}]}, "input[0]"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "encoding_format": 1}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": "256"}, "dimensions"),
        ({"input": "a", "dimensions": True}, "dimensions"),
        ({"input": "a", "task": ["x"]}, "task"),
        ({"input": "a", "return_multivector": "yes"}, "return_multivector"),
        ({"input": "a", "model": 7}, "model"),
        ({"input": "a", "model": ""}, "model"),
    ],
)
def test_a_wrong_field_is_refused_by_name(fields, param):
    with pytest.raises(BadRequestError) as caught:
        OPENAI_EMBEDDINGS.check_request(members(**fields))
    assert caught.value.param == param
    assert caught.value.status == 400


def test_fields_of_other_apis_survive_both_directions():
    body = {
        "model": "m",
        "input": [{"text": "a", "instructions": "legal"}],
        "task": "retrieval.query",
        "return_multivector": False,
        "instructions": "be brief",
        "adapter": "x",
        "input_type": "query",
        "dimensions": 256,
        "encoding_format": "base64",
        "user": "u",
    }
    request = Request("embedding", OPENAI_EMBEDDINGS, parse_members(json.dumps(body).encode()))
    assert request.embeddings.task == "retrieval.query"
    rendered, fidelity = OPENAI_EMBEDDINGS.render_request(request.embeddings)
    assert rendered == body
    assert fidelity.notes == ()


@given(
    st.fixed_dictionaries(
        {
            "input": st.one_of(
                st.text(min_size=1),
                st.lists(st.text(), min_size=1, max_size=4),
                st.lists(st.integers(0, 200_000), min_size=1, max_size=5),
                st.lists(
                    st.dictionaries(st.sampled_from(["text", "image", "task"]), st.text(), min_size=1), min_size=1
                ),
            )
        },
        optional={
            "dimensions": st.integers(1, 4096),
            "encoding_format": st.sampled_from(["float", "base64"]),
            "task": st.text(),
            "return_multivector": st.booleans(),
            "instructions": st.text(),
            "late_chunking": st.booleans(),
        },
    )
)
def test_parsing_and_rendering_lose_nothing(fields):
    body = {"model": "m", **fields}
    rendered, _ = OPENAI_EMBEDDINGS.render_request(OPENAI_EMBEDDINGS.parse_request(body))
    assert rendered == body


REPLY = (
    b'{"object":"list","data":[{"object":"embedding","index":1,"embedding":[0.10000000000000001,-2e-7]},'
    b'{"object":"embedding","index":0,"embedding":[1.0,2.50]}],"model":"up","usage":{"prompt_tokens":7,"total_tokens":7}}'
)


def test_usage_is_read_and_numbers_keep_their_bytes():
    reply = Reply("embedding", OPENAI_EMBEDDINGS, parse_members(REPLY))
    assert reply.usage == Usage(input=7)
    renamed = reply.with_members({"model": "nova-embeddings-v1"}).encode()
    assert b"[0.10000000000000001,-2e-7]" in renamed
    assert b"[1.0,2.50]" in renamed


def test_a_reply_is_parsed_and_rendered():
    typed = OPENAI_EMBEDDINGS.parse_reply(plain(parse_members(REPLY)))
    assert typed.data == (Vector(1, [0.1, -2e-7]), Vector(0, [1.0, 2.5]))
    assert OPENAI_EMBEDDINGS.render_reply(typed) == msgspec.json.decode(REPLY)


@pytest.mark.parametrize("embedding", ["AACAPw==", [[0.1, 0.2], [0.3, 0.4]], [0.5]])
def test_base64_and_multivector_pass_unharmed(embedding):
    body = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": embedding}]}
    typed = OPENAI_EMBEDDINGS.parse_reply(body)
    assert OPENAI_EMBEDDINGS.render_reply(typed)["data"] == body["data"]


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list"},
        {"data": None},
        {"data": {"a": 1}},
        {"error": {"message": "boom"}, "data": []},
        {"choices": []},
    ],
)
def test_what_is_no_embeddings_reply_is_an_error(body):
    for form in (body, parse_members(json.dumps(body).encode())):
        with pytest.raises(BadGatewayError):
            OPENAI_EMBEDDINGS.check_reply(form)


def test_an_item_without_an_embedding_is_an_error():
    with pytest.raises(BadGatewayError, match=r"data\[0\]"):
        OPENAI_EMBEDDINGS.parse_reply({"data": [{"index": 0}]})


def test_a_null_error_is_no_error():
    OPENAI_EMBEDDINGS.check_reply({"error": None, "data": []})
    assert OPENAI_EMBEDDINGS.parse_reply({"error": None, "data": []}).data == ()


def test_defaults_fill_only_what_the_caller_left_out():
    filled = OPENAI_EMBEDDINGS.with_defaults(
        members(input="a", dimensions=64, task=None), {"dimensions": 2048, "task": "code", "encoding_format": "float"}
    )
    assert plain(filled) == {
        "model": "nova-embeddings-v1",
        "input": "a",
        "dimensions": 64,
        "task": "code",
        "encoding_format": "float",
    }


def test_embeddings_are_never_streamed():
    for ask in (
        OPENAI_EMBEDDINGS.decoder,
        lambda: OPENAI_EMBEDDINGS.encoder(model="m", include_usage=False),
        lambda: OPENAI_EMBEDDINGS.relay(model="m"),
    ):
        with pytest.raises(BadRequestError, match="cannot be streamed"):
            ask()


def test_a_chat_request_is_not_an_embeddings_request():
    with pytest.raises(BadRequestError):
        OPENAI_EMBEDDINGS.render_request(ChatRequest("m", ()))


def test_errors_have_the_shape_of_openai():
    body = OPENAI_EMBEDDINGS.render_error(RateLimitedError("slow down", param="x"))
    assert body == {"error": {"message": "slow down", "type": "rate_limit_error", "param": "x", "code": "429"}}
