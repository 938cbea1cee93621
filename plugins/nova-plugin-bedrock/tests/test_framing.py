"""Binary event streams: any split, and nothing damaged gets through."""

from __future__ import annotations

import base64
import struct
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.errors import RateLimitedError, ServiceUnavailableError, StreamBrokenError
from nova_core.testing.upstream_amazon import event_message
from nova_core.types.events import Frame
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.event_stream import EventStream
from nova_plugin_bedrock.dialect import CONVERSE
from nova_plugin_bedrock.framing import InvokedStream

MESSAGES = [event_message(b'{"role":"assistant"}', event_type="messageStart"), event_message(b"", event_type="x" * 90)]
WHOLE = b"".join(MESSAGES)
FRAMES = [Frame(b'{"role":"assistant"}', "messageStart"), Frame(b"", "x" * 90)]


def frames_of(*pieces: bytes) -> list[Frame]:
    parser = EventStream()
    return [frame for piece in pieces for frame in parser.feed(piece)] + parser.end()


def with_headers(raw: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(raw), len(raw))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + raw
    return message + struct.pack(">I", zlib.crc32(message))


def test_frames_are_the_same_wherever_bytes_are_split() -> None:
    for place in range(len(WHOLE) + 1):
        assert frames_of(WHOLE[:place], WHOLE[place:]) == FRAMES
    assert frames_of(*(WHOLE[place : place + 1] for place in range(len(WHOLE)))) == FRAMES


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_a_damaged_byte_never_gets_through(place: int, flip: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= flip
    with pytest.raises(StreamBrokenError):
        frames_of(bytes(damaged))


@settings(max_examples=200, deadline=None)
@given(garbage=st.binary(min_size=1, max_size=200))
def test_garbage_is_a_broken_stream(garbage: bytes) -> None:
    with pytest.raises(StreamBrokenError):
        frames_of(WHOLE, garbage)


def test_headers_of_every_type_are_passed_over() -> None:
    fields = [b"\x00", b"\x01", b"\x02\x07", b"\x03\x00\x07", b"\x04" + bytes(4), b"\x05" + bytes(8)]
    fields += [b"\x06\x00\x02ab", b"\x08" + bytes(8), b"\x09" + bytes(16)]
    raw = b"".join(b"\x01h" + field for field in fields) + b"\x0b:event-type\x07\x00\x04stop"
    assert frames_of(with_headers(raw)) == [Frame(b"", "stop")]


@pytest.mark.parametrize("raw", [b"\x01h\x0a", b"\x09h", b"\x01h\x07\x00\x09ab", b"\x01\xff\x07\x00\x00"])
def test_headers_that_cannot_be_read_are_a_broken_stream(raw: bytes) -> None:
    with pytest.raises(StreamBrokenError):
        frames_of(with_headers(raw))


def test_botocore_reads_what_the_scripted_upstream_writes() -> None:
    eventstream = pytest.importorskip("botocore.eventstream")
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(WHOLE)
    found = [(message.headers[":event-type"], message.payload) for message in buffer]
    assert found == [(frame.event, frame.data) for frame in FRAMES]


def test_an_exception_in_a_stream_is_its_error() -> None:
    thrown = event_message(
        b'{"message":"slow down"}', **{"message_type": "exception"}, exception_type="throttlingException"
    )
    (frame,) = frames_of(thrown)
    with pytest.raises(RateLimitedError, match="slow down"):
        CONVERSE.decoder().decode(frame)
    failed = event_message(b"", message_type="error", error_code="serviceUnavailableException", error_message="busy")
    (frame,) = frames_of(failed)
    with pytest.raises(ServiceUnavailableError, match="busy"):
        CONVERSE.decoder().decode(frame)


def test_events_of_an_invoked_model_are_unwrapped() -> None:
    inner = b'{"type":"ping"}'
    wrapped = msgspec.json.encode({"bytes": base64.b64encode(inner).decode(), "p": "abc"})
    parser = InvokedStream()
    assert parser.feed(event_message(wrapped, event_type="chunk")) == [Frame(inner, "ping")]
    with pytest.raises(StreamBrokenError):
        parser.feed(event_message(b'{"bytes":"not base64!"}', event_type="chunk"))
    thrown = event_message(b'{"message":"slow down"}', message_type="exception", exception_type="throttlingException")
    (frame,) = InvokedStream().feed(thrown)
    with pytest.raises(RateLimitedError, match="slow down"):
        ANTHROPIC_MESSAGES.decoder().decode(frame)
