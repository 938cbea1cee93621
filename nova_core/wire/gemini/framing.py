"""Two ways to stream objects: server-sent events, and the elements of one JSON array."""

# https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent: `alt=sse`, or an array without it.

from __future__ import annotations

from typing import Protocol

from nova_core.errors import StreamBrokenError
from nova_core.types.events import Frame
from nova_core.wire.sse import SseParser, sse_bytes

OPENING, CLOSING, BETWEEN = b"[{", b"]}", b" \t\r\n,"
QUOTE, ESCAPE = ord('"'), ord("\\")


class Framing(Protocol):
    """Writes the pieces of one stream."""

    def piece(self, data: bytes) -> bytes:
        """One JSON object as it goes on the wire."""
        ...

    def end(self) -> bytes:
        """What follows the last piece."""
        ...


class Events:
    """Server-sent events."""

    __slots__ = ()

    def piece(self, data: bytes) -> bytes:
        """One event."""
        return sse_bytes(Frame(data))

    def end(self) -> bytes:
        """Nothing: the stream just ends."""
        return b""


class Array:
    """The elements of one array."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun = False

    def piece(self, data: bytes) -> bytes:
        """One element, after what separates it."""
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + data

    def end(self) -> bytes:
        """The closing bracket."""
        return b"]" if self._begun else b"[]"


class ContentParser:
    """Bytes of a streamed body, split anywhere, into frames: events, or the elements of an array."""

    __slots__ = ("_parser",)

    def __init__(self) -> None:
        self._parser: SseParser | ArrayParser | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by `data`. Raises StreamBrokenError for an array that holds anything but objects."""
        if self._parser is None:
            data = data.lstrip()
            if not data:
                return []
            self._parser = ArrayParser() if data.startswith(b"[") else SseParser()
        return self._parser.feed(data)

    def end(self) -> list[Frame]:
        """Frames left at the end of data. Raises StreamBrokenError for an array that was not closed."""
        return [] if self._parser is None else self._parser.end()


class ArrayParser:
    """Bytes of a JSON array of objects, split anywhere, into one frame for each element."""

    __slots__ = ("_depth", "_escaped", "_held", "_in_text")

    def __init__(self) -> None:
        self._held = b""
        self._depth = 0
        self._in_text = False
        self._escaped = False

    def feed(self, data: bytes) -> list[Frame]:
        """The elements completed by `data`. Raises StreamBrokenError for what cannot be an element."""
        frames: list[Frame] = []
        start = 0
        for place, byte in enumerate(data):
            if self._passes_text(byte):
                continue
            if byte in OPENING:
                self._depth += 1
                start = place if self._depth == 2 else start
            elif byte in CLOSING:
                self._depth -= 1
                if self._depth == 1:
                    frames.append(Frame(self._held + data[start : place + 1]))
                    self._held = b""
            elif self._depth < 2 and byte not in BETWEEN:
                raise StreamBrokenError("the upstream streamed an array of something else than objects")
        if self._depth >= 2:
            self._held += data[start:]
        return frames

    def end(self) -> list[Frame]:
        """Raises StreamBrokenError when the array was not closed."""
        if self._depth:
            raise StreamBrokenError("the upstream's array ended before it was closed")
        return []

    def _passes_text(self, byte: int) -> bool:
        """Whether this byte is part of a text inside an element."""
        if not self._in_text:
            self._in_text = byte == QUOTE and self._depth >= 2
            return self._in_text
        if self._escaped:
            self._escaped = False
        elif byte == ESCAPE:
            self._escaped = True
        elif byte == QUOTE:
            self._in_text = False
        return True
