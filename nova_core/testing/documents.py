"""The JSON inside the frames of a stream, whatever its framing: taken out, changed, and framed again."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

EVENT = re.compile(rb".+?(?:\r\n\r\n|\n\n|\Z)", re.DOTALL)


def frames_in(body: bytes) -> list[bytes]:
    """A stream cut into binary messages, server-sent events, or lines."""
    if body[:2] != b"\x00\x00":
        return EVENT.findall(body) if re.match(rb"(data|event|id):", body) else body.splitlines(keepends=True)
    frames: list[bytes] = []
    while body:
        (size,) = struct.unpack(">I", body[:4])
        frames, body = [*frames, body[:size]], body[size:]
    return frames


@dataclass(frozen=True, slots=True)
class Document:
    """The JSON inside one frame, and how a changed one is framed again."""

    value: Any
    framed: Callable[[bytes], bytes]


def document_of(piece: bytes) -> Document | None:
    """The JSON of a frame; None for one that holds none."""
    if piece[:2] == b"\x00\x00":
        return _in_message(piece)
    head, mark, data = piece.partition(b"data: ") if b"data: " in piece[:60] else (b"", b"", piece)
    if not mark and piece[:1] in b"[,":
        head, data = piece[:1], piece[1:]
    try:
        value = msgspec.json.decode(data.strip())
    except msgspec.DecodeError:
        return None
    tail = data[len(data.rstrip()) :]
    return Document(value, lambda changed: head + mark + changed + tail)


def _in_message(piece: bytes) -> Document | None:
    size, head_size = struct.unpack(">II", piece[:8])
    head, payload = piece[12 : 12 + head_size], piece[12 + head_size : size - 4]

    def framed(changed: bytes) -> bytes:
        prelude = struct.pack(">II", head_size + len(changed) + 16, head_size)
        message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + changed
        return message + struct.pack(">I", zlib.crc32(message))

    inner = document_of(payload)
    if inner is None or "bytes" not in inner.value:
        return inner and Document(inner.value, lambda changed: framed(inner.framed(changed)))
    coded = inner.value["bytes"]

    def wrapped(changed: bytes) -> bytes:
        return framed(msgspec.json.encode({"bytes": base64.b64encode(changed).decode()}))

    return Document(msgspec.json.decode(base64.b64decode(coded)), wrapped)
