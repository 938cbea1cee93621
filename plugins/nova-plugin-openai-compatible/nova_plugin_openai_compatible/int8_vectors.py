"""Vectors that come as Base64 of signed bytes, made into numbers."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.plain_vectors import Read, in_asked_coding


def with_numbers(exchange: Exchange, request: Request) -> Exchange:
    """The exchange, its vectors as numbers from -128 to 127, in Base64 of floats where the caller asks for that."""
    return in_asked_coding(request, msgspec.structs.replace(exchange, read=partial(_read, exchange.read)))


def _read(read: Read, response: UpstreamResponse) -> Reply | Exchange:
    reply = read(response)
    if isinstance(reply, Exchange):
        return reply
    data = reply.get("data")
    return reply.with_members({"data": [_decoded(item) for item in data]})


def _decoded(item: Any) -> Any:
    """Raises BadGatewayError for what is no vector of bytes."""
    coded = item.get("embedding") if isinstance(item, dict) else None
    if not isinstance(coded, str):
        return item
    try:
        raw = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadGatewayError("the upstream's vectors are no Base64") from error
    return {**item, "embedding": list(memoryview(raw).cast("b"))}
