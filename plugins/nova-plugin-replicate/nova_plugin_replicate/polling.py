"""From the creation of a prediction to its end: polls, or the stream that it offers."""

# https://replicate.com/docs/topics/predictions/create-a-prediction

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.message import Reply, decoded
from nova_core.types.upstream import Exchange, FrameParser, UpstreamRequest, UpstreamResponse
from nova_core.wire.body import parse_members
from nova_core.wire.provider import Lane
from nova_plugin_replicate.places import below, is_near
from nova_plugin_replicate.prediction import UNFINISHED, status_of

FIRST_WAIT, GROWTH, LONGEST_WAIT = 0.5, 1.5, 5.0
"""Seconds between polls."""
OF_CREATION = frozenset({"prefer", "cancel-after", "content-type"})
"""Headers that later requests do not repeat."""


def followed(exchange: Exchange, lane: Lane, frames: type[FrameParser]) -> Exchange:
    """The exchange that makes a prediction; it leads to those that see it through."""
    return msgspec.structs.replace(
        exchange, frames=None, read=partial(_created, exchange, lane, frames if exchange.frames else None)
    )


def _created(
    exchange: Exchange, lane: Lane, frames: type[FrameParser] | None, response: UpstreamResponse
) -> Reply | Exchange:
    members = _members(response)
    if frames is not None and status_of(members) in UNFINISHED and (url := _stream_url(members, lane)):
        headers = (*_without_preference(exchange), ("Accept", "text/event-stream"))
        request = UpstreamRequest(url, "GET", headers, stream=True)
        return msgspec.structs.replace(exchange, request=request, frames=frames)
    return _polled(exchange, lane, FIRST_WAIT, response)


def _polled(exchange: Exchange, lane: Lane, wait: float, response: UpstreamResponse) -> Reply | Exchange:
    members = _members(response)
    if status_of(members) not in UNFINISHED:
        return lane.read(response)
    # The address is made, not taken from the answer: the key goes along.
    url = below(lane.deployment.api_base or "", f"/predictions/{quote(str(decoded(members.get('id'))), safe='')}")
    return Exchange(
        UpstreamRequest(url, "GET", _without_preference(exchange)),
        exchange.dialect,
        partial(_polled, exchange, lane, min(wait * GROWTH, LONGEST_WAIT)),
        exchange.read_error,
        fidelity=exchange.fidelity,
        wait=wait,
    )


def _members(response: UpstreamResponse) -> Mapping[str, Any]:
    try:
        return parse_members(response.body)
    except BadRequestError as error:
        raise BadGatewayError("the upstream's answer is no prediction: it is no JSON object") from error


def _stream_url(members: Mapping[str, Any], lane: Lane) -> str | None:
    """Where the prediction is streamed, if it is and the vendor's own host says so."""
    urls = decoded(members.get("urls"))
    url = urls.get("stream") if isinstance(urls, Mapping) else None
    return url if isinstance(url, str) and is_near(url, lane.deployment.api_base or "") else None


def _without_preference(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    """The headers of the first request that later ones repeat."""
    return tuple(header for header in exchange.request.headers if header[0].lower() not in OF_CREATION)
