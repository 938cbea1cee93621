"""Replies full of vectors into members, without a look at every digit of their numbers."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from nova_core.wire.body import parse_members

_OPENS = re.compile(rb'"embedding"[ \t\r\n]*:[ \t\r\n]*\[')
_EMPTY = re.compile(rb'("embedding"[ \t\r\n]*:[ \t\r\n]*\[)\]')
NEAR = 1024
"""A reply whose first vector does not begin so near is another kind of reply."""
_NO_NUMBERS = tuple(bytes((byte,)) for byte in b'"[{NIntf')
"""What begins anything but a number, and the numbers that JSON has not: each is searched for at once, by blocks."""


def vector_members(body: bytes) -> dict[str, Any]:
    """Like `parse_members`, of an object whose `data` holds vectors as `"embedding": [numbers]`.

    What stands between the brackets of a vector passes as it is: that it is made of numbers is seen by what is not
    there, not by reading it. Everything around it is checked as ever. Raises BadRequestError.
    """
    pieces: list[bytes] = []
    vectors: list[bytes] = []
    place = 0
    found = _OPENS.search(body, 0, NEAR)
    while found is not None:
        begin = found.end()
        end = body.find(b"]", begin)
        vector = body[begin:end]
        if end < 0 or not vector.isascii() or any(mark in vector for mark in _NO_NUMBERS):
            return parse_members(body)
        pieces.append(body[place:begin])
        vectors.append(vector)
        place = end
        found = _OPENS.search(body, place)
    if not vectors:
        return parse_members(body)
    pieces.append(body[place:])
    members = parse_members(b"".join(pieces))
    data = members.get("data")
    # A string has no quotes but escaped ones: what looks like a vector is one.
    parts = _EMPTY.split(data) if type(data) is msgspec.Raw else []
    if len(parts) != 2 * len(vectors) + 1:
        return parse_members(body)
    filled = parts[:1]
    for vector, opens, rest in zip(vectors, parts[1::2], parts[2::2], strict=True):
        filled += (opens, vector, b"]", rest)
    members["data"] = msgspec.Raw(b"".join(filled))
    return members
