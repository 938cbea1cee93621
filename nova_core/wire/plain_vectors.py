"""What embeddings APIs have in common that answer pooled vectors as plain numbers and nothing else."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from nova_core.errors import BadRequestError
from nova_core.types.embeddings import EmbeddingsReply, EmbeddingsRequest, Vector
from nova_core.types.message import Reply, Request, TypedRequest
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.openai_chat.notes import Notes

Read = Callable[[UpstreamResponse], Reply | Exchange]


def plain_request(typed: TypedRequest, notes: Notes) -> EmbeddingsRequest:
    """An embeddings request, with notes on what such an API cannot say. Raises BadRequestError for another one."""
    if not isinstance(typed, EmbeddingsRequest):
        raise BadRequestError("a chat request cannot be sent as an embeddings request")
    if typed.encoding_format is not None:
        notes.mapped("encoding_format", "vectors are encoded on the way back")
    if typed.return_multivector:
        notes.lost("return_multivector", "vectors are pooled")
    if typed.user is not None:
        notes.hint("user")
    return typed


def in_asked_coding(request: Request, exchange: Exchange) -> Exchange:
    """The exchange, whose vectors are answered in base64 where the request asks for that."""
    if request.get("encoding_format") != "base64":
        return exchange
    return msgspec.structs.replace(exchange, read=partial(_read_coded, exchange.read))


def _read_coded(read: Read, response: UpstreamResponse) -> Reply | Exchange:
    reply = read(response)
    if isinstance(reply, Exchange):
        return msgspec.structs.replace(reply, read=partial(_read_coded, reply.read))
    typed = reply.typed
    assert isinstance(typed, EmbeddingsReply)
    return reply.with_typed(replace(typed, data=tuple(_coded(vector) for vector in typed.data)))


def _coded(vector: Vector) -> Vector:
    """The numbers as base64 of little-endian float32."""
    numbers: Any = vector.embedding
    return Vector(vector.index, base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode())
