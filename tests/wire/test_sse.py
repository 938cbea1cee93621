"""Server-sent events survive any splitting and any line ending."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nova_core.types.events import Frame
from nova_core.wire.sse import SseParser, sse_bytes

data = st.binary(min_size=1, max_size=40).filter(lambda value: b"\r" not in value and value.strip(b"\n") != b"")
frames = st.lists(st.builds(Frame, data, st.none() | st.sampled_from(["error", "message_start"])), max_size=5)


def parse(*pieces: bytes) -> list[Frame]:
    parser = SseParser()
    found = [frame for piece in pieces for frame in parser.feed(piece)]
    return found + parser.end()


def split(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(body)) for cut in cuts})
    return [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]


@given(frames, st.lists(st.integers(0, 300), max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_frames_come_back_however_the_bytes_are_split(sent: list[Frame], cuts: list[int], line_end: bytes) -> None:
    body = b"".join(map(sse_bytes, sent)).replace(b"\n", line_end)
    assert parse(*split(body, cuts)) == sent


def test_a_frame_is_there_as_soon_as_its_blank_line_is() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\n") == [Frame(b"a")]
    assert parser.feed(b"data: b\r\n\r") == [Frame(b"b")]
    assert parser.feed(b"\ndata: c\n\n") == [Frame(b"c")]


def test_comments_ids_retries_and_empty_events_are_left_out() -> None:
    body = b": ping\n\nid: 7\nretry: 10\n\ndata:\n\ndata\n\nevent: x\n\n:\ndata: a\nid: 1\n\n"
    assert parse(body) == [Frame(b"a")]


def test_data_lines_are_joined_and_one_leading_space_goes() -> None:
    assert parse(b"event:e\ndata:  a\ndata:b\n\n") == [Frame(b" a\nb", "e")]


def test_a_byte_order_mark_and_a_missing_last_blank_line_do_no_harm() -> None:
    assert parse(b"\xef\xbb\xbfdata: a\n\ndata: b") == [Frame(b"a"), Frame(b"b")]


def test_an_error_that_came_as_bare_json_reaches_the_decoder() -> None:
    assert parse(b'{"error":\n  {"message": "no"}}\n') == [Frame(b'{"error":\n  {"message": "no"}}')]


def test_one_large_event_in_many_pieces_is_joined() -> None:
    body = b"data: " + b"x" * 3_000_000 + b"\n\n"
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)]
    assert [len(frame.data) for frame in parse(*pieces)] == [3_000_000]
