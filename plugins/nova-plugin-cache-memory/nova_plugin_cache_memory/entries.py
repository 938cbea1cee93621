"""Stored answers as bytes, and back."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nova_core.types.chat import ChatReply
from nova_core.types.embeddings import EmbeddingSpace
from nova_core.types.message import Operation, Reply

LISTED: Mapping[str, str] = {"embedding": "data", "rerank": "results", "moderation": "results"}
"""Operations whose answers are a list → the member that is the list."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """An answer: when it was stored (seconds of the cache's clock), its dialect and body, and who gave it."""

    stored: float
    operation: Operation
    dialect: str
    body: bytes
    deployment: str | None = None
    space: EmbeddingSpace | None = None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Entry)


def packed(entry: Entry) -> bytes:
    """The bytes that a store keeps."""
    return _ENCODER.encode(entry)


def unpacked(value: bytes) -> Entry | None:
    """The entry; None for bytes of another kind or an older version."""
    try:
        return _DECODER.decode(value)
    except msgspec.DecodeError:
        return None


def is_empty(reply: Reply) -> bool:
    """Whether an answer says nothing: no vectors, no results, or only choices without any content."""
    listed = LISTED.get(reply.operation)
    if listed is not None:
        data = reply.members.get(listed)
        return bytes(data).strip() == b"[]" if isinstance(data, msgspec.Raw) else not data
    typed = reply.typed
    return isinstance(typed, ChatReply) and not any(choice.message.parts for choice in typed.choices)
