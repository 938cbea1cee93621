"""Tasks that are asked about until they are done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.message import Reply
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse

FIRST_WAIT: Final = 0.5
GROWTH: Final = 1.3
LONGEST_WAIT: Final = 3.0
"""Seconds between two questions."""

Where = Callable[[Mapping[str, Any]], str | None]
"""The address at which to ask about a task next, empty for the one that was asked; None when it is done or failed."""


def followed(exchange: Exchange, where: Where, base: str, host: str = "") -> Exchange:
    """The exchange that starts a task; its answer is that of the task's end.

    Questions carry the key, and so are asked where the task was (`base`) or at the vendor's hosts, which end in `host`.
    """
    return msgspec.structs.replace(exchange, read=partial(_read, exchange, where, (base, host), FIRST_WAIT))


def _read(
    exchange: Exchange, where: Where, near: tuple[str, str], wait: float, response: UpstreamResponse
) -> Reply | Exchange:
    """The next question, or the answer. Raises BadGatewayError for what is no task."""
    try:
        task: Any = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadGatewayError("the upstream's answer is no task: it is not JSON") from error
    if not isinstance(task, dict):
        raise BadGatewayError("the upstream's answer is no task: it is no object")
    url = where(task)
    if url is None:
        return exchange.read(response)
    url = url or exchange.request.url
    if not _is_near(url, *near):
        raise BadGatewayError("the upstream's task is at another host, which the key is not sent to")
    headers = tuple(header for header in exchange.request.headers if header[0].lower() != "content-type")
    asking = msgspec.structs.replace(exchange, request=UpstreamRequest(url, "GET", headers), frames=None)
    following = partial(_read, asking, where, near, min(wait * GROWTH, LONGEST_WAIT))
    return msgspec.structs.replace(asking, read=following, wait=wait)


def _is_near(url: str, base: str, host: str) -> bool:
    parts, asked = urlsplit(url), urlsplit(base)
    if parts.netloc == asked.netloc:
        return parts.scheme == asked.scheme
    both = bool(host) and all((each.hostname or "").endswith(host) for each in (parts, asked))
    return parts.scheme == "https" and both
