"""Server-sent events: bytes into frames, and frames into bytes (WHATWG HTML, "server-sent events")."""

from __future__ import annotations

import re

from nova_core.errors import StreamBrokenError
from nova_core.types.events import Frame

DONE = b"data: [DONE]\n\n"
_OTHER = re.compile(rb":|[\w.-]+\s*(:|$)|\s*$|\[DONE\]\s*$")
"""Lines that are left out: comments, fields with a plausible name, blanks, and an end without `data:`."""


class SseParser:
    """Bytes of a `text/event-stream` body, split anywhere, into frames.

    Comments, `id` and `retry` are left out, and so are events without data. What is left at the end of data
    is a frame as well: servers forget the last blank line. A line of bare JSON counts as data, so that an
    upstream's error without SSE framing reaches the decoder. A line that cannot be a field breaks the stream.
    """

    __slots__ = ("_after_cr", "_bare", "_between", "_data", "_event", "_partial", "_started")

    def __init__(self) -> None:
        self._partial: list[bytes] = []
        self._data: list[bytes] = []
        self._event: str | None = None
        self._after_cr = False
        self._bare = False
        self._started = False
        self._between = False

    @property
    def between(self) -> bool:
        """Whether what came last was the end of an event: what comes next begins one."""
        return self._between

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by `data`. Raises StreamBrokenError for what is no line of an event stream."""
        frames: list[Frame] = []
        if self._between and data.endswith(b"\n\n") and b"\r" not in data:
            self._whole_events(data, frames)
            return frames
        for line in self._lines(data):
            self._line(line, frames)
        self._between = self._started and not (self._partial or self._data or self._event or self._after_cr)
        return frames

    def end(self) -> list[Frame]:
        """The frame left at the end of data, if any."""
        frames: list[Frame] = []
        rest = b"".join(self._partial)
        self._partial = []
        if rest:
            self._line(rest, frames)
        self._line(b"", frames)
        return frames

    def _whole_events(self, data: bytes, frames: list[Frame]) -> None:
        """Events that are all there, as nearly always; those of the usual one or two lines are read at once."""
        for event in data[:-2].split(b"\n\n"):
            name, _, text = event.partition(b"data: ")
            if not name and text and b"\n" not in text:
                frames.append(Frame(text))
            elif name.startswith(b"event: ") and name.find(b"\n") == len(name) - 1 and text and b"\n" not in text:
                frames.append(Frame(text, name[7:-1].decode(errors="replace") or None))
            else:
                for line in (*event.split(b"\n"), b""):
                    self._line(line, frames)

    def _lines(self, data: bytes) -> list[bytes]:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data:
            return []
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._partial:
            lines[0] = b"".join([*self._partial, lines[0]])
            self._partial = []
        if rest:
            self._partial.append(rest)
        return lines

    def _line(self, line: bytes, frames: list[Frame]) -> None:
        if not self._started:
            self._started = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            self._dispatch(frames)
        elif self._bare:
            self._data.append(line)
        elif line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith(b"event:"):
            self._event = line[6:].removeprefix(b" ").decode(errors="replace") or None
        elif line == b"data":
            self._data.append(b"")
        elif line.startswith(b"{"):
            self._bare = True
            self._data.append(line)
        elif not _OTHER.match(line):
            raise StreamBrokenError("the upstream's stream holds a line that is no field of an event")

    def _dispatch(self, frames: list[Frame]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            if data:
                frames.append(Frame(data, self._event))
            self._data = []
        self._event = None
        self._bare = False


def sse_bytes(frame: Frame) -> bytes:
    """The frame as it goes on the wire."""
    data = frame.data
    if b"\n" in data:
        data = data.replace(b"\n", b"\ndata: ")
    if frame.event is None:
        return b"data: %b\n\n" % data
    return b"event: " + frame.event.encode() + b"\ndata: " + data + b"\n\n"
