"""Heads of answers, whether they are parsed or known again: for every answer what parsing its head alone finds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.gateway.http1 import head as heads
from nova_core.gateway.http1.faults import FramingFault
from nova_core.gateway.http1.head import MOST_IN_VAIN, HeadReader, parse_head

VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=5)
ODD = st.sampled_from(["", "\x00", "\t", " a", "a ", "\x7f", "\xa0", "\r", "\n", "\r\n x", "1, 2"])
NAMES = ("Date", "X-Request-Id", "x-b", "Content-Encoding")
SIMPLE = st.sampled_from(["a", "bc", "7"])
LENGTHS = st.sampled_from(["{}", "{}", "0{}", " {} ", "+{}", "{0},{0}", "\xb2", ""])
STATUS = st.sampled_from(["HTTP/1.1 200 OK"] * 4 + ["HTTP/1.1 201 Made", "HTTP/1.0 200 OK", "HTTP/1.1 503 Not now"])


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The heads that were parsed."""
    seen: list[bytes] = []

    def parse(block: bytes, *, bodyless: bool) -> heads.Head:
        seen.append(block)
        return parse_head(block, bodyless=bodyless)

    monkeypatch.setattr(heads, "parse_head", parse)
    return seen


def answer(body: bytes = b"{}", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 200 OK\r\n{lines}Content-Length: {len(body)}\r\nServer: x\r\n\r\n".encode("latin-1") + body


def plain(data: bytes) -> heads.Head:
    return parse_head(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", bodyless=False)


def test_a_head_that_differs_in_its_length_alone_is_parsed_once(parsed: list[bytes]) -> None:
    reader = HeadReader(10_000)
    for body in (b"{}", b"[1, 2, 3]", b"", b"x" * 12):
        data = answer(body)
        assert reader.read(data, bodyless=False) == (plain(data), body)
    assert len(parsed) == 1


def test_what_has_differed_once_may_differ_again(parsed: list[bytes]) -> None:
    reader = HeadReader(10_000)
    for place in range(6):
        data = answer(date=f"day {place}", x_request_id="7" * place)
        assert reader.read(data, bodyless=False) == (plain(data), b"{}")
    assert len(parsed) == 2


@pytest.mark.parametrize("name", ["Connection", "Keep-Alive", "Upgrade"])
def test_what_decides_how_an_answer_is_read_never_just_differs(name: str, parsed: list[bytes]) -> None:
    reader = HeadReader(10_000)
    for value in ("keep-alive", "close", "other", "close", "keep-alive"):
        data = answer(**{name: value})
        found = reader.read(data, bodyless=False)
        assert found == (plain(data), b"{}")
    assert len(parsed) == 5


def test_an_answer_to_a_question_for_the_head_alone_is_always_parsed(parsed: list[bytes]) -> None:
    reader = HeadReader(10_000)
    assert reader.read(answer(b"12"), bodyless=False) is not None
    found = reader.read(answer(b"12"), bodyless=True)
    assert found is not None
    assert found[0].length == 0
    assert len(parsed) == 2


def test_a_head_in_pieces_is_put_together_first() -> None:
    reader = HeadReader(10_000)
    data = answer(b"12")
    assert reader.read(data, bodyless=False) == (plain(data), b"12")
    begin = b"HTTP/1.1 200 OK\r\nX: "
    assert reader.read(begin, bodyless=False) is None
    found = reader.read(data, bodyless=False)  # a known head inside of another
    assert found == (plain(begin + data), b"12")
    assert found[0].headers["x"] == "HTTP/1.1 200 OK"


def test_heads_that_are_never_alike_are_not_learned_for_ever(parsed: list[bytes]) -> None:
    reader = HeadReader(10_000)
    for place in range(MOST_IN_VAIN):
        reader.read(answer(**{f"x{place}": "1"}), bodyless=False)
    for _ in range(2):
        reader.read(answer(late="1"), bodyless=False)
    assert len(parsed) == MOST_IN_VAIN + 2


def test_heads_that_are_alike_half_of_the_time_are_not_learned_for_ever(parsed: list[bytes]) -> None:
    reader = HeadReader(10_000)
    for _ in range(100):
        for data in (answer(a="1"), answer(a="2"), answer(b="1"), answer(b="2")):
            assert reader.read(data, bodyless=False) == (plain(data), b"{}")
    before = len(parsed)
    reader.read(answer(a="3"), bodyless=False)
    reader.read(answer(b="3"), bodyless=False)
    assert len(parsed) == before + 1  # the one that was learned last is still known


def test_a_known_head_keeps_the_limit() -> None:
    reader = HeadReader(90)
    for value in ("1", "2"):
        assert reader.read(answer(x=value), bodyless=False) is not None
    with pytest.raises(FramingFault, match="more than 90 bytes"):
        reader.read(answer(x="3" * 50), bodyless=False)


def read_by(reader: HeadReader, data: bytes) -> Any:
    """What came of it; what is refused, by whichever rule."""
    try:
        return reader.read(data, bodyless=False)
    except FramingFault:
        return FramingFault


@pytest.mark.parametrize(
    "value", ["", "\x00", "\x7f", "\t", " a", "a ", "a\t", "\xa0a", "\xe9", "\n", "\r", "\r\n x", "1" * 600]
)
def test_strange_values_are_left_to_the_parser(value: str) -> None:
    reader = HeadReader(10_000)
    for each in ("a", "b", value):
        data = answer(date=each, x_b="same")
        found = read_by(reader, data)
    assert found == read_by(HeadReader(10_000), data)


@pytest.mark.parametrize("length", ["02", " 2 ", "+2", "2,2", "\xb2", "-2", "", "2\t", "2" * 30, "0x2"])
def test_strange_lengths_are_left_to_the_parser(length: str) -> None:
    reader = HeadReader(10_000)
    for each in ("2", "3", length):
        data = answer(b"12").replace(b"Length: 2", f"Length: {each}".encode("latin-1"))
        found = read_by(reader, data)
    assert found == read_by(HeadReader(10_000), data)


@pytest.mark.parametrize("more", ["X: y\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 2\r\n", "\r\n"])
def test_what_comes_beside_a_known_head_is_left_to_the_parser(more: str) -> None:
    for place in (b"Server", b"Content"):
        reader = HeadReader(10_000)
        assert reader.read(answer(), bodyless=False) is not None
        data = answer().replace(place, more.encode() + place)
        assert read_by(reader, data) == read_by(HeadReader(10_000), data)


@given(
    st.lists(st.tuples(SIMPLE, SIMPLE, SIMPLE), min_size=2, max_size=3),
    st.lists(st.tuples(STATUS, st.tuples(*3 * [SIMPLE | VALUES | ODD]), LENGTHS, st.binary(max_size=9)), max_size=5),
    st.permutations(NAMES).map(lambda names: names[:3]),
)
def test_a_known_head_says_what_parsing_it_says(
    simple: list[tuple[str, str, str]],
    others: list[tuple[str, tuple[str, str, str], str, bytes]],
    names: list[str],
) -> None:
    reader = HeadReader(10_000)
    for status, values, length, body in [*(("HTTP/1.1 200 OK", values, "{}", b"{}") for values in simple), *others]:
        lines = [f"{name}: {value}" for name, value in zip(names, values, strict=True)]
        lines.append(f"Content-Length: {length.format(len(body))}")
        data = "\r\n".join([status, *lines, "", ""]).encode("latin-1") + body
        alone = read_by(HeadReader(10_000), data)
        assert read_by(reader, data) == alone
        if alone is None or alone is FramingFault:
            return
