"""Streams of one JSON object a line."""

from __future__ import annotations

from nova_core.types.events import Frame


class LineParser:
    """Bytes of an `application/x-ndjson` body, split anywhere, into one frame for each line that is not empty."""

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
        return _frames(lines)

    def end(self) -> list[Frame]:
        """The line that was not closed."""
        lines = [b"".join(self._held)]
        self._held = []
        return _frames(lines)


def _frames(lines: list[bytes]) -> list[Frame]:
    return [Frame(text) for line in lines if (text := line.strip())]
