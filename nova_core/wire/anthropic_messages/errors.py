"""Errors of the Messages API: bodies, and error events of a stream."""

# https://platform.claude.com/docs/en/api/errors

from __future__ import annotations

from typing import Any, Final

from nova_core.errors import NovaError, UnsupportedParamsError
from nova_core.wire.upstream_errors import classify, facts_of

TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}

THREAD: Final = "thread"
"""The parameter that has the vendor hold a conversation, of which requests then say only what is new."""


def render_error(error: NovaError) -> dict[str, Any]:
    """`{"type": "error", "error": {"type", "message"}}`, with the `details` of a vendor's own error.

    Those of a conversation that another provider cannot hold are what clients send all of it for.
    """
    fallback = "invalid_request_error" if 400 <= error.status < 500 else "api_error"
    said: dict[str, Any] = {"type": TYPES.get(error.status, fallback), "message": error.message}
    if isinstance(error, UnsupportedParamsError) and error.param == THREAD:
        said["details"] = {"error_code": "thread_unsupported_request"}
    elif error.details is not None:
        said["details"] = error.details
    return {"type": "error", "error": said}


def event_error(data: bytes) -> NovaError:
    """The error that an `error` event carries; its type stands in for a status."""
    facts = facts_of(data)
    message = facts.message or "the upstream broke its answer off without saying why"
    error = classify(None, message, facts.code, facts.type, param=facts.param)
    error.details = facts.details
    return error
