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
from nova_core.wire import polled
from nova_core.wire.body import parse_members
from nova_core.wire.provider import Lane
from nova_plugin_replicate.places import below, is_near
from nova_plugin_replicate.prediction import UNFINISHED, status_of

PACE = polled.Pace(growth=1.5, longest=5.0)
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
    request = msgspec.structs.replace(exchange.request, headers=_without_preference(exchange))
    whole = msgspec.structs.replace(exchange, request=request, read=lane.read)
    base = lane.deployment.api_base or ""
    return polled.followed(whole, partial(_next, base), base, pace=PACE).read(response)


def _next(base: str, prediction: Mapping[str, Any]) -> str | None:
    """Where an unfinished prediction is asked about: an address that is made, not taken from the answer."""
    if status_of(prediction) not in UNFINISHED:
        return None
    return below(base, f"/predictions/{quote(str(prediction.get('id')), safe='')}")


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
