"""Errors of Google's APIs: bodies, and error events of a stream."""

# https://google.aip.dev/193 (`google.rpc.Status` in JSON; RetryInfo says when to try again)

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import NovaError
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.body import NOT_JSON
from nova_core.wire.upstream_errors import classify, error_from_response, facts_of

STATUSES: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}


def render_error(error: NovaError) -> dict[str, Any]:
    """`{"error": {"code", "message", "status"}}`; `code` is the HTTP status."""
    fallback = "INVALID_ARGUMENT" if 400 <= error.status < 500 else "INTERNAL"
    said = {"code": error.status, "message": error.message, "status": STATUSES.get(error.status, fallback)}
    return {"error": said}


def event_error(data: bytes) -> NovaError:
    """The error that a stream carries in place of a piece of the answer."""
    facts = facts_of(data)
    message = facts.message or "the upstream broke its answer off without saying why"
    error = classify(None, message, facts.code, facts.type, param=facts.param)
    error.retry_after = error.retry_after if error.retry_after is not None else retry_delay(data)
    return error


def read_error(response: UpstreamResponse) -> NovaError:
    """The error of a whole response with a status of 400 and above."""
    error = error_from_response(response)
    if error.retry_after is None:
        error.retry_after = retry_delay(response.body)
    return error


def retry_delay(body: bytes) -> float | None:
    """Seconds of the `RetryInfo` in an error's details (`"retryDelay": "34.07s"`)."""
    try:
        data = msgspec.json.decode(body)
    except NOT_JSON:
        return None
    for detail in _details(data):
        text = detail.get("retryDelay")
        try:
            return float(text.removesuffix("s")) if isinstance(text, str) else None
        except ValueError:
            continue
    return None


def _details(data: Any) -> Iterator[Mapping[str, Any]]:
    first = data[0] if isinstance(data, list) and data else data
    error = first.get("error") if isinstance(first, Mapping) else None
    details = error.get("details") if isinstance(error, Mapping) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and "retryDelay" in detail:
            yield detail
