"""Streams of one JSON object a line: what is left out, and what never is."""

from __future__ import annotations

import pytest

from nova_core.wire.json_lines import LineParser


def texts(data: bytes) -> list[bytes]:
    parser = LineParser()
    return [frame.data for frame in (*parser.feed(data), *parser.end())]


@pytest.mark.parametrize("line", [b": keep-alive", b":", b"id: 7", b"event: delta", b"retry:30", b"", b"  "])
def test_lines_of_event_streams_that_say_nothing_are_left_out(line):
    assert texts(line + b'\n{"a":1}\n') == [b'{"a":1}']


@pytest.mark.parametrize("before", [b":", b": ", b"id:", b"event: ", b"retry:"])
def test_no_object_is_left_out_with_garbage_before_it(before):
    assert texts(before + b'{"a":1}\n{"b":2}\n') == [before + b'{"a":1}', b'{"b":2}']


def test_an_object_may_stand_behind_data():
    assert texts(b'data: {"a":1}\ndata:{"b":2}') == [b'{"a":1}', b'{"b":2}']
