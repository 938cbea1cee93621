"""Heads of messages that are alike but for some values: known by their bytes, so that they need no parsing."""

from __future__ import annotations

CONTENT_LENGTH = "content-length"
BREAK, HEAD_END = b"\r\n", b"\r\n\r\n"
MOST_DIGITS = 20
MOST_VALUE = 512
MOST_VARYING = 8


class HeadPattern:
    """The bytes of a head, with places for the length of the body and for the values of the headers `varying`."""

    __slots__ = ("_after", "_places", "varying")

    def __init__(self, head: bytes, varying: frozenset[str]) -> None:
        self.varying = varying
        self._places, self._after = _places(head, varying | {CONTENT_LENGTH})

    def read(self, data: bytes) -> tuple[dict[str, str], int, int] | None:
        """The values at these places, the length of the body, and where it begins.

        None unless `data` begins with such a head.
        """
        end = 0
        values: dict[str, str] = {}
        for before, name in self._places:
            if not data.startswith(before, end):
                return None
            begin = end + len(before)
            end = data.find(b"\r", begin, begin + MOST_VALUE)
            text = data[begin:end]
            value = values[name] = text.decode("latin-1")
            if name == CONTENT_LENGTH:
                if end < 0 or not text.isdigit() or len(text) > MOST_DIGITS:
                    return None
            # A parser would not see blanks around a value, and takes other characters than these with care.
            elif end < 0 or not value.isascii() or not value.isprintable() or value != value.strip():
                return None
        if not data.startswith(self._after, end):
            return None
        return values, int(values[CONTENT_LENGTH]), end + len(self._after)


def differing(last: bytes, head: bytes, decisive: frozenset[str]) -> frozenset[str] | None:
    """Headers whose values differ between two heads, beside the length of the body.

    None where something else differs, or the value of a header that is decisive.
    """
    lines, others = head.split(BREAK), last.split(BREAK)
    if len(lines) != len(others) or lines[0] != others[0]:
        return None
    names = set()
    for line, other in zip(lines, others, strict=True):
        if line != other:
            name = _name(line)
            if name != _name(other) or name in decisive:
                return None
            names.add(name)
    return frozenset(names - {CONTENT_LENGTH})


def _places(head: bytes, names: frozenset[str]) -> tuple[list[tuple[bytes, str]], bytes]:
    """Where the values of these headers stand: what stands before each of them, and what after the last."""
    places = []
    before = b""
    for number, line in enumerate(head.split(BREAK)):
        before += BREAK if number else b""
        name = _name(line)
        if number and name in names:
            value = line[len(name) + 1 :]
            places.append((before + line[: len(line) - len(value.lstrip(b" \t"))], name))
            before = b""
        else:
            before += line
    return places, before


def _name(line: bytes) -> str:
    return line.partition(b":")[0].decode("latin-1").lower()
