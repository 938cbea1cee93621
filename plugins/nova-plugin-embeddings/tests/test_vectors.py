"""Replies: count, width, finiteness, form and encoding."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError
from nova_core.types.message import Reply
from nova_core.wire.body import parse_members
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_plugin_embeddings.opening import opening
from nova_plugin_embeddings.vectors import Expected, checked, width_of

from .nova import CODE, CONFIG, RETRIEVAL, send, vectors


def packed(*numbers: float, kind: str = "f") -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}{kind}", *numbers)).decode()


def reply(*embeddings, indexes=None, raw: bytes | None = None) -> Reply:
    data = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(embeddings)]
    if indexes is not None:
        data = [{**datum, "index": index} for datum, index in zip(data, indexes, strict=True)]
    return Reply("embedding", OPENAI_EMBEDDINGS, parse_members(raw or json.dumps({"data": data}).encode()))


@pytest.mark.parametrize(
    ("given_reply", "expected", "message"),
    [
        (reply([1.0]), Expected(2), "1 vectors for 2 items"),
        (reply([1.0], [2.0]), Expected(1), "2 vectors for 1 items"),
        (reply([1.0], [1.0, 2.0]), Expected(2), r"a vector of 2 numbers, and the vectors before it have 1"),
        (reply([1.0, 2.0]), Expected(1, dimensions=3), "a vector of 2 numbers, and 3 were asked for"),
        (reply([]), Expected(1), "empty vector"),
        (reply([1.0, None]), Expected(1), "no finite number"),
        (reply([1.0, "2"]), Expected(1), "no finite number"),
        (reply([1.0, True]), Expected(1), "no finite number"),
        (reply(raw=b'{"data":[{"embedding":[1e400]}]}'), Expected(1), "no finite number"),
        (reply([1e300]), Expected(1, encoding="base64"), "no finite number"),
        (reply(packed(1.0, math.nan)), Expected(1, encoding="base64"), "no finite number"),
        (reply(packed(math.inf)), Expected(1), "no finite number"),
        (reply("AAA="), Expected(1), "2 bytes, which are no float32"),
        (reply("not base64!"), Expected(1), "not valid base64"),
        (reply(packed(1.0, 2.0, kind="d")), Expected(1, dimensions=2), "a vector of 4 numbers, and 2 were asked for"),
        (reply([[1.0]]), Expected(1), "one vector per token where one vector was asked for"),
        (reply([1.0]), Expected(1, multivector=True), "one vector where one vector per token was asked for"),
        (reply([[1.0], [1.0, 2.0]]), Expected(1, multivector=True), "different widths"),
        (reply([[1.0, None]]), Expected(1, multivector=True), "no finite number"),
        (reply([1.0], [2.0], indexes=(0, 0)), Expected(2), "numbers from 0 to 1"),
        (reply([1.0], [2.0], indexes=(1, 2)), Expected(2), "numbers from 0 to 1"),
        (reply(raw=b'{"data":[{"index":0}]}'), Expected(1), "no embedding"),
        (reply(raw=b'{"data":[{"embedding":null}]}'), Expected(1), "no embedding"),
        (reply(raw=b'{"data":[7]}'), Expected(1), "not a list of embedding objects"),
    ],
)  # fmt: skip
def test_a_reply_that_is_wrong_is_refused_with_what_is_wrong(given_reply, expected, message):
    with pytest.raises(BadGatewayError, match=message) as refused:
        checked(given_reply, expected)
    assert refused.value.status == 502


@pytest.mark.parametrize(
    ("given_reply", "expected"),
    [
        (reply([1, -2.5e-3]), Expected(1)),
        (reply(packed(1.0, 2.0)), Expected(1, encoding="base64", dimensions=2)),
        (reply([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0]]), Expected(2, multivector=True)),
        (reply([[1.0], [2.0]]), Expected(1, encoding="base64", multivector=True)),
        (reply("anything"), Expected(1, multivector=True)),
        (reply([packed(1.0), packed(2.0)]), Expected(1, multivector=True)),
        (reply([[1.0]], [1.0]), Expected(2, multivector=None)),
        (reply(raw=b'{ "data" : [ { "embedding" : [ 1.0 ] } ] }'), Expected(1)),
    ],
)
def test_a_reply_that_is_right_needs_no_change(given_reply, expected):
    assert checked(given_reply, expected) is None


@given(
    st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1)
)
def test_re_encoding_there_and_back_gives_the_same_float32_numbers(numbers):
    there = checked(reply(*numbers), Expected(len(numbers), encoding="base64", dimensions=3))
    assert there.get("data")[0]["embedding"] == packed(*numbers[0])
    back = checked(there, Expected(len(numbers), dimensions=3))
    assert [datum["embedding"] for datum in back.get("data")] == numbers


@given(
    st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4), max_size=4), st.data()
)
def test_whatever_is_accepted_has_the_asked_count_and_one_width(numbers, data):
    expected = Expected(data.draw(st.integers(0, 4)), dimensions=data.draw(st.none() | st.integers(1, 4)))
    right = (
        len(numbers) == expected.count and len({len(each) for each in numbers} | {expected.dimensions} - {None}) <= 1
    )
    try:
        assert checked(reply(*numbers), expected) is None
    except BadGatewayError:
        assert not right
    else:
        assert right


def test_other_members_of_a_vector_stay_when_its_encoding_changes():
    raw = b'{"data":[{"extra": 1.50, "embedding":[1.0], "index":0}],"model":"m","usage":{"prompt_tokens":1}}'
    changed = checked(reply(raw=raw), Expected(1, encoding="base64"))
    assert b"1.50" in changed.encode()
    assert changed.get("usage") == {"prompt_tokens": 1}


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (b"[[1]]", b"[["),
        (b'"abc"', b'"a'),
        (b" [\n\t" + b" " * 99 + b"[1]]", b"[["),
        (b"1", b"1"),
        (b'{ "a":1}', b'{"'),
    ],
)
def test_the_kind_of_a_value_is_seen_past_white_space(value, start):
    assert opening(msgspec.Raw(value)) == start


@pytest.fixture
async def nova(gateway):
    return await gateway(CONFIG)


async def test_an_upstream_that_ignores_base64_is_answered_as_base64(nova, upstream):
    upstream.script(CODE, body=b'{"data":[{"embedding":[0.5,-1.0],"index":0}],"model":"m"}')
    found = await send(nova, {"task": "code", "encoding_format": "base64"})
    assert vectors(found) == [packed(0.5, -1.0)]


async def test_an_upstream_that_answers_base64_unasked_is_answered_as_floats(nova, upstream):
    upstream.script(CODE, json={"data": [{"embedding": packed(0.5, -1.0), "index": 0}], "model": "m"})
    assert vectors(await send(nova, {"task": "code"})) == [[0.5, -1.0]]


async def test_an_upstream_that_ignores_dimensions_is_refused(nova, upstream):
    upstream.script(CODE, json={"data": [{"embedding": [0.5, -1.0], "index": 0}], "model": "m"})
    with pytest.raises(BadGatewayError, match="1 were asked for"):
        await send(nova, {"task": "code", "dimensions": 1})


async def test_a_pinned_space_pins_the_width(gateway, upstream):
    pinned = CONFIG.replace("id: nova-embeddings-code}", "id: c, embedding_space: {dimensions: 4}}")
    nova = await gateway(pinned)
    upstream.script(CODE, width=4).script(CODE, width=8)
    await send(nova, {"task": "code"})
    assert nova.last.space.name == f"{CODE}/4/pooled"
    with pytest.raises(BadGatewayError, match="a vector of 8 numbers, and 4 were asked for"):
        await send(nova, {"task": "code"})


async def test_multivector_passes_unharmed(nova, upstream):
    body = b'{"data":[{"embedding":[[0.10,1],[2,3.0]],"index":0},{"embedding":[[4,5]],"index":1}],"model":"m"}'
    upstream.script(CODE, body=body)
    found = await send(nova, {"task": "code", "input": ["a b", "c"], "return_multivector": True})
    assert b"[[0.10,1],[2,3.0]]" in found.encode()
    assert nova.last.space.name == f"{CODE}/multivector"


async def test_a_default_width_is_not_asked_of_a_multivector(gateway, upstream):
    nova = await gateway(CONFIG.replace('["code", "code.query", "code.passage"]', '["code"]\n      dimensions: 16'))
    found = await send(nova, {"task": "code", "input": ["a b"], "return_multivector": True})
    assert "dimensions" not in upstream.last.json
    assert len(vectors(found)[0]) == 2
    assert nova.last.space.name == f"{CODE}/multivector"
    await send(nova, {"task": "code"})
    assert upstream.last.json["dimensions"] == 16
    assert nova.last.space.name == f"{CODE}/16/pooled"


async def test_a_pinned_pooled_width_is_not_that_of_a_multivector(gateway, upstream):
    pinned = CONFIG.replace("id: nova-embeddings-code}", "id: c, embedding_space: {dimensions: 16}}")
    nova = await gateway(pinned)
    upstream.script(CODE, width=4)
    assert len(vectors(await send(nova, {"task": "code", "return_multivector": True}))) == 1
    multi = await gateway(pinned.replace("{dimensions: 16}", "{dimensions: 4, multivector: true}"))
    assert len(vectors(await send(multi, {"task": "code", "return_multivector": True}))) == 1
    assert multi.last.space.name == f"{CODE}/4/multivector"


async def test_a_caller_that_leaves_cancels_every_part(nova, upstream):
    for model in (CODE, RETRIEVAL):
        upstream.script(model, delay=30)
    items = [{"text": "a", "task": "code"}, {"text": "b", "task": "retrieval"}]
    running = asyncio.ensure_future(send(nova, {"input": items}))
    await upstream.until(lambda server: len(server.requests) == 2)
    running.cancel()
    await upstream.until(lambda server: len(server.disconnects) == 2)
    assert running.cancelled() or (await asyncio.gather(running, return_exceptions=True))[0] is not None


async def test_numbers_pass_exactly_as_the_upstream_sent_them(nova, upstream):
    upstream.script(
        CODE, body=b'{"data":[{"index":0,"embedding":[0.1000, 1E-2,-0]}],"model":"m","x":12345678901234567890}'
    )
    found = (await send(nova, {"task": "code"})).encode()
    assert b"[0.1000, 1E-2,-0]" in found
    assert b"12345678901234567890" in found


async def test_a_list_of_tokens_is_one_item_and_lists_of_tokens_are_many(nova):
    assert len(vectors(await send(nova, {"task": "code", "input": [1, 2, 3]}))) == 1
    assert len(vectors(await send(nova, {"task": "code", "input": [[1, 2], [3]]}))) == 2


async def test_vectors_in_another_order_are_put_in_order_and_every_byte_of_theirs_stays(gateway, upstream):
    nova = await gateway(CONFIG)
    data = b'{"index":1,"embedding":[1e-45, -0.0]},{"embedding":[0.10000000000000001, 1E+2],"index":0}'
    upstream.script(RETRIEVAL, body=b'{"object":"list","data":[%s],"model":"m"}' % data)
    got = await send(nova, {"input": ["a", "b"], "task": "retrieval"})
    assert vectors(got) == [[0.10000000000000001, 100.0], [1e-45, -0.0]]
    assert b"[1e-45, -0.0]" in got.encode() and b"[0.10000000000000001, 1E+2]" in got.encode()


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
others = st.sampled_from([None, True, False, "1,2", "", [1.0], {"a": 1}])


@given(st.lists(numbers | others, max_size=5) | st.lists(numbers, max_size=5), st.sampled_from([",", ", ", "\n, "]))
def test_a_width_is_seen_without_decoding_only_where_there_are_numbers_alone(values, between):
    found = width_of(("[" + between.join(map(json.dumps, values)) + "]").encode())
    assert found in (None, len(values))
    assert found is None or all(type(value) in (int, float) for value in values)


@pytest.mark.parametrize(
    ("vector", "width"),
    [
        (b"[0.1,-2,3e-7]", 3),
        (b"[1, 1e400]", None),
        (b"[1, 1E-5]", None),
        (b"[]", None),
        (b"[ ]", None),
        (b"[null,1]", None),
        (b'["e-",1]', None),
        (b"[[1,2],[3]]", None),
    ],
)
def test_what_may_be_no_finite_number_is_left_to_decoding(vector, width):
    assert width_of(vector) == width
