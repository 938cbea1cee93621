"""Where a response's body ends: after a length, with the last chunk, or when the connection closes."""

from __future__ import annotations

from typing import Protocol

from httptools import HttpParserError, HttpResponseParser

from nova_core.gateway.http1.faults import FramingFault

CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
# A size with its extension, or the trailers, without any data between: nobody means so much.
SILENT_BYTES = 64 * 1024
_BREAKS = b"\r\n"


class Framing(Protocol):
    """Takes the bytes of one body. `surplus`: more came than belongs to it. `fault`: what came makes no sense."""

    done: bool
    surplus: bool
    fault: FramingFault | None
    ends_with_connection: bool

    def feed(self, data: bytes) -> bytes:
        """The part of the body that is in `data`, without its framing."""
        ...


class LengthFraming:
    """A body of so many bytes."""

    __slots__ = ("_left", "done", "surplus")
    ends_with_connection = False
    fault: FramingFault | None = None

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.surplus = False

    def feed(self, data: bytes) -> bytes:
        """See `Framing.feed`."""
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self.done = True
        if left < 0:
            self.surplus = True
            data = data[: self._left]
        self._left = 0
        return data


class ClosingFraming:
    """A body of whatever comes before the connection closes."""

    __slots__ = ()
    done = False
    surplus = False
    fault: FramingFault | None = None
    ends_with_connection = True

    def feed(self, data: bytes) -> bytes:
        """See `Framing.feed`."""
        return data


class ChunkedFraming:
    """A body in chunks; extensions and trailers are checked and dropped."""

    __slots__ = ("_parser", "_pieces", "_silent", "_tail", "done", "fault", "on_body", "surplus")
    ends_with_connection = False

    def __init__(self) -> None:
        self.done = False
        self.surplus = False
        self.fault: FramingFault | None = None
        self._pieces: list[bytes] = []
        self._silent = 0
        self._tail = b""
        self.on_body = self._pieces.append
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._parser.feed_data(CHUNKED_HEAD)

    def on_message_begin(self) -> None:
        """Stop the parser at what follows the last chunk: it answers no request, and is no part of this body."""
        if self.done:
            raise FramingFault("more than one answer")

    def on_message_complete(self) -> None:
        """The last chunk and its trailers have come."""
        self.done = True

    def feed(self, data: bytes) -> bytes:
        """See `Framing.feed`."""
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            # Once the body is complete, what follows is wrong in one way or another, but no harm to the body.
            self.surplus = self.done
            self.fault = None if self.done else FramingFault(str(error))
        # The parser swallows line breaks after the end. Five in a row cannot be the end of anything.
        self._tail = data[-5:] if len(data) >= 5 else (self._tail + data)[-5:]
        if self.done:
            self.surplus = self.surplus or (len(self._tail) == 5 and not self._tail.strip(_BREAKS))
        if self.done or self.fault is not None:
            self._parser = None  # it and this object hold each other
        pieces = self._pieces
        if not pieces:
            self._silent += len(data)
            if self._silent > SILENT_BYTES and self.fault is None and not self.done:
                self.fault = FramingFault("a chunk's extension or the trailers are too long")
            return b""
        self._silent = 0
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return piece
