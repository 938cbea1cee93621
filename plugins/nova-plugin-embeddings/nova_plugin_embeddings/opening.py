"""What kind of JSON value some bytes are, without decoding them."""

from __future__ import annotations

import msgspec

WINDOW = 32
"""Bytes looked at before the whole value is; white space is rarely longer."""


def opening(raw: msgspec.Raw) -> bytes:
    """The first two bytes of a value that are not white space: `[[`, `["`, `"A`, `{"`, `1`."""
    head = bytes(memoryview(raw)[:WINDOW])
    found = head.translate(None, b" \t\r\n")[:2]
    return found if len(found) == 2 else bytes(raw).translate(None, b" \t\r\n")[:2]
