"""Images fetched from where a vendor keeps them for a while, for callers who want their data."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import partial

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.images import Image, ImagesReply
from nova_core.types.message import Reply
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse


def with_data(exchange: Exchange) -> Exchange:
    """The exchange, whose images are answered as data; each is fetched in an exchange of its own, without a key."""
    return msgspec.structs.replace(exchange, read=partial(_read, exchange))


def _read(exchange: Exchange, response: UpstreamResponse) -> Reply | Exchange:
    reply = exchange.read(response)
    return with_data(reply) if isinstance(reply, Exchange) else _next(exchange, reply)


def _next(exchange: Exchange, reply: Reply) -> Reply | Exchange:
    """The exchange for the first image that is not there yet; the reply when all are."""
    typed = reply.typed
    assert isinstance(typed, ImagesReply)
    place = next((place for place, image in enumerate(typed.images) if image.data is None), None)
    if place is None:
        return reply
    request = UpstreamRequest(typed.images[place].url or "", "GET")
    return msgspec.structs.replace(exchange, request=request, read=partial(_fetched, exchange, reply, place), wait=0.0)


def _fetched(exchange: Exchange, reply: Reply, place: int, response: UpstreamResponse) -> Reply | Exchange:
    typed = reply.typed
    assert isinstance(typed, ImagesReply)
    if response.headers.get("content-type", "").startswith(("text/", "application/json")):
        raise BadGatewayError("the upstream's image cannot be fetched: what came is no image")
    image = Image(data=base64.b64encode(response.body).decode())
    images = (*typed.images[:place], image, *typed.images[place + 1 :])
    return _next(exchange, reply.with_typed(replace(typed, images=images)))
