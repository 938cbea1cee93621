"""Tasks that are asked about until they are done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.message import Reply
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.body import NOT_JSON


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two questions: the `first` ones, and the `longest` that they grow to."""

    first: float = 0.5
    growth: float = 1.3
    longest: float = 3.0


USUAL: Final = Pace()
Where = Callable[[Mapping[str, Any]], str | None]
"""The address at which to ask about a task next, empty for the one that was asked; None when it is done or failed."""


@dataclass(frozen=True, slots=True)
class Task:
    """What all questions about a task have in common; see `followed`."""

    where: Where
    base: str
    host: str
    pace: Pace


def followed(exchange: Exchange, where: Where, base: str, host: str = "", pace: Pace = USUAL) -> Exchange:
    """The exchange that starts a task; its answer is that of the task's end.

    Questions carry the key, and so are asked where the task was (`base`) or at the vendor's hosts, which end in `host`.
    """
    read = partial(_read, exchange, Task(where, base, host, pace), pace.first)
    return msgspec.structs.replace(exchange, read=read)


def _read(exchange: Exchange, asked: Task, wait: float, response: UpstreamResponse) -> Reply | Exchange:
    """The next question, or the answer. Raises BadGatewayError for what is no task."""
    try:
        task: Any = msgspec.json.decode(response.body)
    except NOT_JSON as error:
        raise BadGatewayError("the upstream's answer is no task: it is not JSON") from error
    if not isinstance(task, dict):
        raise BadGatewayError("the upstream's answer is no task: it is no object")
    try:
        url = asked.where(task)
    except TypeError as error:  # a state that is an object, where words are looked up
        raise BadGatewayError("the upstream's answer is no task: its state cannot be read") from error
    if url is None:
        return exchange.read(response)
    url = url or exchange.request.url
    if not _is_near(url, asked.base, asked.host):
        raise BadGatewayError("the upstream's task is at another host, which the key is not sent to")
    headers = tuple(header for header in exchange.request.headers if header[0].lower() != "content-type")
    asking = msgspec.structs.replace(exchange, request=UpstreamRequest(url, "GET", headers), frames=None)
    following = partial(_read, asking, asked, min(wait * asked.pace.growth, asked.pace.longest))
    return msgspec.structs.replace(asking, read=following, wait=wait)


def _is_near(url: str, base: str, host: str) -> bool:
    parts, asked = urlsplit(url), urlsplit(base)
    if parts.netloc == asked.netloc:
        return parts.scheme == asked.scheme
    both = bool(host) and all((each.hostname or "").endswith(host) for each in (parts, asked))
    return parts.scheme == "https" and both
