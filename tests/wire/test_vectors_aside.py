"""Vectors that are set aside while a reply is read: every byte of them comes back, and nothing else passes unread."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadRequestError
from nova_core.wire.body import parse_members
from nova_core.wire.vectors_aside import vector_members

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40), max_size=6)
TEXTS = st.text() | st.sampled_from(
    ['"embedding":[', '"embedding":[]', 'x", "embedding": [1', "]}", '\\"embedding\\":[']
)
VECTORS = NUMBERS | st.lists(NUMBERS, max_size=2) | TEXTS | st.none() | st.lists(TEXTS, max_size=2)
ITEMS = st.fixed_dictionaries({"embedding": VECTORS}, optional={"index": st.integers(), "text": TEXTS, "object": TEXTS})
REPLIES = st.fixed_dictionaries(
    {"data": st.lists(ITEMS, max_size=4) | VECTORS},
    optional={"model": TEXTS, "usage": st.just({"prompt_tokens": 3}), "embedding": VECTORS, "object": st.just("list")},
)
LAYOUTS: Any = st.sampled_from(
    [{"separators": (",", ":")}, {}, {"indent": 2}, {"ensure_ascii": False}, {"separators": (" ,", "\t:\r\n")}]
)


def read(reader: Any, body: bytes) -> Any:
    try:
        return {name: bytes(value) for name, value in reader(body).items()}
    except BadRequestError:
        return BadRequestError


@given(REPLIES, LAYOUTS)
def test_members_are_what_reading_all_of_them_finds(reply: dict[str, Any], layout: dict[str, Any]) -> None:
    body = json.dumps(reply, **layout).encode("utf-8", "surrogatepass")
    assert read(vector_members, body) == read(parse_members, body)


@given(REPLIES, st.data())
def test_what_is_broken_around_the_vectors_is_refused(reply: dict[str, Any], data: st.DataObject) -> None:
    body = json.dumps(reply, separators=(",", ":")).encode()
    place = data.draw(st.integers(0, len(body) - 1))
    broken = body[:place] + data.draw(st.sampled_from([b"", b"]", b'"', b"{", b"\xff", b"n"])) + body[place + 1 :]
    assert read(vector_members, broken) == read(parse_members, broken) or _breaks_a_number(broken)


def _breaks_a_number(body: bytes) -> bool:
    """Whether all that is wrong is digits, commas and points of a vector in the wrong places."""
    emptied = re.sub(rb'"embedding":\[[0-9+\-.eE,]*\]', b'"embedding":[]', body)
    return isinstance(read(parse_members, emptied), dict)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "null", "true", "nope", '"1"', "[1]", "{}", "\xa0"])
def test_what_is_no_number_is_read_like_everything_else(number: str) -> None:
    body = f'{{"data":[{{"embedding":[0.5,{number},1]}}],"model":"m"}}'.encode()
    assert read(vector_members, body) == read(parse_members, body)


def test_two_members_of_one_name_are_read_like_everything_else() -> None:
    body = b'{"data":[{"embedding":[1,2]}],"data":[{"embedding":[3]}]}'
    assert read(vector_members, body) == {"data": b'[{"embedding":[3]}]'}
