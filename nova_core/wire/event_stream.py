"""`application/vnd.amazon.eventstream`: binary messages with typed headers and checksums."""

# https://smithy.io/2.0/aws/amazon-eventstream.html

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from nova_core.errors import StreamBrokenError
from nova_core.types.events import Frame

PRELUDE: Final = struct.Struct(">III")
CHECKSUM: Final = struct.Struct(">I")
LEAST: Final = PRELUDE.size + CHECKSUM.size
MOST: Final = 24 * 1024 * 1024
"""Bytes of the longest message."""
WIDTHS: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type; bytes (6) and text (7) state their length."""
BYTES, TEXT = 6, 7
EXCEPTION: Final = "exception:"
"""Before the name of an exception, in a frame's event."""


class EventStream:
    """Bytes into frames: `event` is the event's type, an exception's name after `exception:`. A `FrameParser`."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by `data`. Raises StreamBrokenError for what is no message, or has another checksum."""
        self._buffer += data
        frames = []
        while (message := self._message()) is not None:
            frames.append(self.frame(*message))
        return frames

    def end(self) -> list[Frame]:
        """Nothing. Raises StreamBrokenError where a message was begun."""
        if self._buffer:
            raise StreamBrokenError("the upstream's stream ended within a message")
        return []

    def frame(self, headers: dict[str, str], payload: bytes) -> Frame:
        """The frame of one message."""
        match headers.get(":message-type", "event"):
            case "event":
                return Frame(payload, headers.get(":event-type"))
            case "exception":
                return Frame(payload, EXCEPTION + headers.get(":exception-type", ""))
            case _:
                said = msgspec.json.encode({"message": headers.get(":error-message", "")})
                return Frame(said, EXCEPTION + headers.get(":error-code", ""))

    def _message(self) -> tuple[dict[str, str], bytes] | None:
        """The next message, taken from the buffer; None while it is incomplete."""
        if len(self._buffer) < PRELUDE.size:
            return None
        total, width, checksum = PRELUDE.unpack_from(self._buffer)
        if zlib.crc32(self._buffer[: PRELUDE.size - CHECKSUM.size]) != checksum:
            raise StreamBrokenError("the upstream's stream is no event stream, or was damaged on its way")
        if not LEAST + width <= total <= MOST:
            raise StreamBrokenError("the upstream's message has an impossible length")
        if len(self._buffer) < total:
            return None
        message = bytes(self._buffer[:total])
        del self._buffer[:total]
        end = total - CHECKSUM.size
        if zlib.crc32(message[:end]) != CHECKSUM.unpack_from(message, end)[0]:
            raise StreamBrokenError("the upstream's message was damaged on its way")
        start = PRELUDE.size + width
        try:
            headers = dict(_headers(message[PRELUDE.size : start]))
        except (struct.error, IndexError, KeyError, UnicodeDecodeError) as error:
            raise StreamBrokenError("the upstream's message has headers that cannot be read") from error
        return headers, message[start:end]


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """Names and values of headers; of those that are no text, only the length matters."""
    at = 0
    while at < len(data):
        start = at + 1
        at = start + data[at]
        name, kind = data[start:at].decode(), data[at]
        at += 1
        if kind in (BYTES, TEXT):
            (width,) = struct.unpack_from(">H", data, at)
            at += 2
        else:
            width = WIDTHS[kind]
        value = data[at : at + width]
        if len(value) < width:
            raise IndexError(at)
        at += width
        if kind == TEXT:
            yield name, value.decode()
