"""Streams of one JSON object a line, with or without the framing of server-sent events."""

from __future__ import annotations

import re

from nova_core.types.events import Frame

_OTHER_FIELDS = re.compile(rb"(event|id|retry)?:(?!\s*\{)")
"""Lines of server-sent events that say nothing which the object does not say itself. No object is left out with what
stands before it: garbage at the beginning of a line looks like one of these.
"""


class LineParser:
    """Bytes of an `application/x-ndjson` body, split anywhere, into one frame for each line that is not empty.

    Of server-sent events each `data:` line is one. Subclasses say what else a line may be.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def feed(self, data: bytes) -> list[Frame]:
        """The lines completed by `data`."""
        head, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._held.append(data)
            return []
        lines = b"".join((*self._held, head)).split(b"\n")
        self._held = [rest]
        return self._frames(lines)

    def end(self) -> list[Frame]:
        """The line that was not closed."""
        lines = [b"".join(self._held)]
        self._held = []
        return self._frames(lines)

    def said(self, line: bytes) -> bytes:
        """What a line without white space at its ends says; nothing where it is to be left out."""
        return b"" if _OTHER_FIELDS.match(line) else line.removeprefix(b"data:").lstrip()

    def _frames(self, lines: list[bytes]) -> list[Frame]:
        return [Frame(text) for line in lines if (text := self.said(line.strip()))]
