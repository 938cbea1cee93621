"""Errors of this API: those inside a 200 or a stream, and the events of a broken stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError, NovaError
from nova_core.types.events import Frame
from nova_core.wire.openai_chat.errors import render_error
from nova_core.wire.sse import sse_bytes
from nova_core.wire.upstream_errors import classify, facts_of

Body = dict[str, Any]
RATE_LIMITED: Final = 429
STATUS: Final[Mapping[str, int]] = {
    "server_error": 500,
    "rate_limit_exceeded": 429,
    "vector_store_timeout": 504,
    "invalid_prompt": 400,
}
"""Codes of a response that failed, as the HTTP statuses that they stand for; the others speak of the request."""


def response_error(error: Any) -> NovaError:
    """The error of a response, or event, that failed."""
    if not isinstance(error, Mapping):
        return BadGatewayError("the upstream answered 200 with an error")
    facts = facts_of(msgspec.json.encode({"error": error}))
    message = facts.message or "the upstream failed without saying why"
    code = facts.code if isinstance(facts.code, str) else None
    status = STATUS.get(code or "", 400 if code else None)
    return classify(status, message, facts.code, facts.type, param=facts.param)


def failure_code(error: NovaError) -> str:
    """The code of a response that `error` ended, of those that the API has."""
    if error.code in STATUS:
        return error.code
    if error.status == RATE_LIMITED:
        return "rate_limit_exceeded"
    return "invalid_prompt" if 400 <= error.status < 500 else "server_error"


def event_bytes(kind: str, data: Body) -> bytes:
    """One named event; its data repeats the name as `type`."""
    return sse_bytes(Frame(msgspec.json.encode({"type": kind, **data}), kind))


def error_events(error: NovaError, response: Body | None, number: int) -> bytes:
    """The end of a broken stream: the response as failed, where it began, and an error event.

    The event has its facts twice: where the reference puts them, and in `error`, where clients look for them.
    """
    events = b""
    if response is not None:
        events = event_bytes("response.failed", {"sequence_number": number, "response": response})
        number += 1
    facts = render_error(error)["error"]
    said = {name: facts[name] for name in ("code", "message", "param")}
    return events + event_bytes("error", {**said, "sequence_number": number, "error": facts})
