"""What comes again and again in a stream: a frame that is the last one but for its texts need not be read anew."""

from __future__ import annotations

import re
from functools import cache

# The inside of a JSON string. Escapes by number are left to a parser: they can spell half a character.
_TEXT = rb'[^"\\\x00-\x1f]*(?:\\["\\/bfnrt][^"\\\x00-\x1f]*)*'
_text = re.compile(_TEXT).fullmatch
_is_plain = re.compile(rb"[ !#-\[\]-~]+").fullmatch
MOST_IN_VAIN = 8
"""So many frames are learned without any that comes again, before no more are: each differs in another way."""


class Refrain:
    """The last frame of a stream, as it came and as it was passed on, cut where its texts stand.

    The texts are the strings that stand for `members`, wherever these are. Bytes that are the last frame's outside of
    its texts, and whose texts are strings, too, are as valid as that was, and mean the same but for their texts.
    """

    __slots__ = ("_begin", "_came", "_first", "_last", "_passed", "_texts", "_vain")

    def __init__(self, members: tuple[str, ...]) -> None:
        self._texts = _texts_of(members)
        self._came: tuple[bytes, ...] = ()
        self._passed: tuple[bytes, ...] = ()
        self._first: bytes | None = None
        self._last = b""
        self._begin = 0
        self._vain = 0

    def learn(self, came: bytes, passed: bytes) -> None:
        """These bytes were the last frame, and have become those."""
        self._first = None
        if self._vain >= MOST_IN_VAIN:
            return
        self._vain += 1
        came_parts, passed_parts = _cut(self._texts, came), _cut(self._texts, passed)
        if came_parts[1::2] == passed_parts[1::2] and len(came_parts) > 1:
            self._came, self._passed = tuple(came_parts[::2]), tuple(passed_parts[::2])
            self._first, self._last = came_parts[0], came_parts[-1]
            self._begin = len(came_parts[0])

    def forget(self) -> None:
        """Something else came."""
        self._first = None

    def again(self, data: bytes) -> bytes | None:
        """What the last frame with the texts in `data` is to the caller; None unless `data` is just that."""
        first, last = self._first, self._last
        if first is None or not data.startswith(first) or not data.endswith(last):
            return None
        begin, end = self._begin, len(data) - len(last)
        if begin > end:
            return None
        self._vain = 0
        if len(self._passed) > 2:
            return self._with_several(data, begin, end)
        before, after = self._passed
        text = data[begin:end]
        return before + text + after if _is_plain(text) or _is_text(text) else None

    def _with_several(self, data: bytes, begin: int, end: int) -> bytes | None:
        said = [self._passed[0]]
        for came, passed in zip(self._came[1:-1], self._passed[1:-1], strict=True):
            stop = data.find(came, begin, end)
            if stop < 0 or not _is_text(data[begin:stop]):
                return None
            said += (data[begin:stop], passed)
            begin = stop + len(came)
        if not _is_text(data[begin:end]):
            return None
        said += (data[begin:end], self._passed[-1])
        return b"".join(said)


@cache
def _texts_of(members: tuple[str, ...]) -> re.Pattern[bytes]:
    """Finds the strings that stand for these members."""
    names = b"|".join(re.escape(name.encode()) for name in members)
    # A quote that is no part of an escape ends a string: where a colon comes next, that of a member's name.
    return re.compile(rb'"(?:' + names + rb')"\s*:\s*"(' + _TEXT + rb')(?=")')


def _cut(texts: re.Pattern[bytes], data: bytes) -> list[bytes]:
    """What is no text and, between, the texts."""
    parts: list[bytes] = []
    begin = 0
    for found in texts.finditer(data):
        parts += (data[begin : found.start(1)], found[1])
        begin = found.end(1)
    parts.append(data[begin:])
    return parts


def _is_text(data: bytes) -> bool:
    """Whether it is the inside of a JSON string."""
    if _text(data) is None:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
