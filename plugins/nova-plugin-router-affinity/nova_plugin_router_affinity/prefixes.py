"""Names for how a prompt begins: a hash for each message at which an upstream's cache may end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from nova_core.types.message import Request

BYTES_PER_TOKEN = 4
MARK = b"cache_control"
HEAD = ("tools", "system", "instructions", "systemInstruction", "system_instruction")
TURNS = ("messages", "input", "contents")
"""Members of the chat dialects that come first in a prompt, and those that hold its turns."""
LOOK_BACK = 20
"""Beginnings of a prompt that are asked about, the longest first."""
REMEMBERED = 4
"""Beginnings that are remembered of a call, beside the shortest: the next turn of a conversation goes on from one."""


def prefixes(request: Request, min_tokens: int) -> tuple[str, ...]:
    """The beginnings of the prompt that may be cached, the longest first; none for a request that is no chat.

    With `cache_control` marks they end with the last mark, whatever their length; without, each has `min_tokens`.
    """
    members = request.members
    messages = next((members[name] for name in TURNS if name in members), None)
    if messages is None:
        return ()
    head = [_encoded(members[name]) for name in HEAD if name in members]
    said = msgspec.json.decode(_encoded(messages), type=list[msgspec.Raw])
    pieces = [b"\0".join(head), *map(bytes, said)]
    marked = [place for place, piece in enumerate(pieces) if MARK in piece]
    if marked:
        pieces = [_unmarked(piece) if piece else piece for piece in (b"", *pieces[1:])]
        pieces[0] = b"\0".join(_unmarked(piece) for piece in head)
    found = _hashes(pieces[: marked[-1] + 1] if marked else pieces, 0 if marked else min_tokens * BYTES_PER_TOKEN)
    return tuple(found)[::-1]


def asked(found: Sequence[str]) -> tuple[str, ...]:
    """Those to ask about, of all the beginnings of a prompt."""
    return tuple(found) if len(found) <= LOOK_BACK + 1 else (*found[:LOOK_BACK], found[-1])


def remembered(found: Sequence[str]) -> tuple[str, ...]:
    """Those to remember."""
    return tuple(found) if len(found) <= REMEMBERED + 1 else (*found[:REMEMBERED], found[-1])


def _hashes(pieces: Sequence[bytes], least: int) -> Iterator[str]:
    digest, length = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "big") + piece)
        length += len(piece)
        if length and length >= least:
            yield digest.copy().hexdigest()[:32]


def _encoded(value: Any) -> bytes:
    return bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)


def _unmarked(piece: bytes) -> bytes:
    """The same without marks, which move on with every turn."""
    return msgspec.json.encode(_without_marks(msgspec.json.decode(piece)))


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_marks(item) for name, item in value.items() if name != "cache_control"}
    return [_without_marks(item) for item in value] if isinstance(value, list) else value
