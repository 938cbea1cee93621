"""What a request body must be before anything looks into it."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadRequestError
from nova_core.wire.body import parse_members

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def test_values_keep_their_bytes_exactly() -> None:
    members = parse_members(b'{"seed": 123456789012345678901234567890, "x":{ "a" : 1.50 }}')
    assert bytes(members["x"]) == b'{ "a" : 1.50 }'
    assert msgspec.json.encode(members) == b'{"seed":123456789012345678901234567890,"x":{ "a" : 1.50 }}'


def test_of_duplicate_members_only_the_last_is_left() -> None:
    members = parse_members(b'{"model":"cheap","model":"dear","mod\\u0065l":"last"}')
    assert msgspec.json.encode(members) == b'{"model":"last"}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b'{"a":1',
        b'{"a":1}{"b":2}',
        b'{"a":1,}',
        b'{"messages":[{"role":"user",}]}',
        b'{"messages":[{"role" "user"}]}',
        b'{"messages":[1 2]}',
        b'{"x":nul}',
        b'{"x":NaN}',
        b'{"x":01}',
        b'{"x":"a\nb"}',
        b'{"x":"\\q"}',
        b'{"x":"\\ud800"}',
        b"{'x':1}",
        b'{"x":1}/*c*/',
    ],
)
def test_malformed_json_is_refused_however_deep_it_hides(body: bytes) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_members(body)
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b'{"x":"\xff"}', b'{"\xc3":1}', b'{"x":{"y":["\xed\xa0\x80"]}}'])
def test_bytes_that_are_not_utf8_are_named(body: bytes) -> None:
    with pytest.raises(BadRequestError, match="not valid UTF-8"):
        parse_members(body)


@pytest.mark.parametrize("levels", [10_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_very_deep_bodies_are_refused_without_a_crash(levels: int, opening: bytes, closing: bytes) -> None:
    for body in (opening * levels + b"1" + closing * levels, opening * levels):
        with pytest.raises(BadRequestError):
            parse_members(b'{"a":' + body + b"}")


def test_brackets_in_strings_do_not_count_as_nesting() -> None:
    text = '[{"' * 500 + "\\" * 7 + '"'
    assert msgspec.json.decode(parse_members(json.dumps({"a": text}).encode())["a"]) == text


def test_closing_brackets_in_strings_do_not_hide_nesting() -> None:
    body = b'{"a":' + b'["]]]]\\"]\\\\",' * 200 + b"1" + b"]" * 200 + b"}"
    with pytest.raises(BadRequestError, match="at most 128 levels"):
        parse_members(body)


@given(st.dictionaries(st.text(), json_values, max_size=5), st.integers(1, 6))
def test_exactly_the_bodies_within_the_depth_pass(value: dict[str, object], limit: int) -> None:
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    if depth(value) <= limit:
        members = parse_members(body, max_depth=limit)
        assert {name: msgspec.json.decode(raw) for name, raw in members.items()} == json.loads(body)
    else:
        with pytest.raises(BadRequestError):
            parse_members(body, max_depth=limit)
