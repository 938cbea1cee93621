"""The frames of a connection, cut from what comes and bounded before anything is made of them (RFC 9113 §4.1)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from nova_core.gateway.http1.faults import FramingFault
from nova_core.gateway.http2.faults import OLD

HEAD = 9
LARGEST = 16_384
"""What a frame may carry where nothing else was agreed upon, and nothing else is."""
DATA, HEADERS, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 4, 5, 6, 7, 8, 9
WITH_HEADERS = frozenset({HEADERS, PUSH_PROMISE, CONTINUATION})
WITH_MEANING = frozenset({DATA, HEADERS, 3, PUSH_PROMISE, GOAWAY, WINDOW_UPDATE, CONTINUATION})
ACK, END_STREAM, END_HEADERS = 0x1, 0x1, 0x4
# Settings, pings and frames without content in a row: more of them are not meant well.
MOST_QUIET = 1_000
QUIET_SECONDS = 10.0


class Frame(NamedTuple):
    """One frame, its head included."""

    kind: int
    data: bytes


class Frames:
    """Cuts bytes into frames. At most one frame is held back."""

    __slots__ = ("_block", "_buffer", "_header_limit", "_quiet", "_quiet_since", "_seen")

    def __init__(self, header_limit: int) -> None:
        self._header_limit = header_limit
        self._buffer = bytearray()
        self._block = 0
        self._seen = False
        self._quiet = 0
        self._quiet_since = time.monotonic()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete, in order. Raises FramingFault for what is none, too large or too much."""
        buffer = self._buffer
        buffer += data
        if not self._seen and buffer[:5] == b"HTTP/"[: len(buffer)] and len(buffer) >= 3:
            raise FramingFault(OLD)
        start = 0
        while len(buffer) - start >= HEAD:
            length = int.from_bytes(buffer[start : start + 3])
            self._check(length, buffer[start + 3], buffer[start + 4])
            end = start + HEAD + length
            if len(buffer) < end:
                break
            self._count(length, buffer[start + 3], buffer[start + 4])
            yield Frame(buffer[start + 3], bytes(buffer[start:end]))
            start = end
        del buffer[:start]

    def _check(self, length: int, kind: int, flags: int) -> None:
        if length > LARGEST:
            raise FramingFault("a frame that is too large")
        if not self._seen and (kind != SETTINGS or flags & ACK):
            raise FramingFault("no settings at the beginning")
        if kind in WITH_HEADERS and self._block + length > self._header_limit:
            raise FramingFault(f"headers of more than {self._header_limit} bytes")

    def _count(self, length: int, kind: int, flags: int) -> None:
        self._seen = True
        if kind in WITH_HEADERS:
            self._block = 0 if flags & END_HEADERS else self._block + length
        elif kind in WITH_MEANING and (length or flags & END_STREAM):
            return
        else:
            self._quiet += 1
            if self._quiet > MOST_QUIET:
                self._quiet = 0
                since, self._quiet_since = self._quiet_since, time.monotonic()
                if self._quiet_since - since < QUIET_SECONDS:
                    raise FramingFault("too many frames that say nothing")


def last_stream_of(goaway: Frame) -> int:
    """The number of the last stream that a GOAWAY promises to serve. Raises FramingFault."""
    if len(goaway.data) < HEAD + 8:
        raise FramingFault("a frame that is too short")
    return int.from_bytes(goaway.data[HEAD : HEAD + 4]) & 0x7FFF_FFFF
