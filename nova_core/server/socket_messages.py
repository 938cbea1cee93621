"""What is said over a WebSocket of the Responses API (OpenAI API reference, "WebSocket events")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from nova_core.errors import BadRequestError, NovaError, PayloadTooLargeError
from nova_core.server.body import Message
from nova_core.server.headers import RawHeaders
from nova_core.types.message import decoded
from nova_core.wire.body import parse_members
from nova_core.wire.openai_responses import OPENAI_RESPONSES

LANE: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")
OF_BODY: Final = frozenset({b"content-type", b"content-length"})

_ENCODE = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Create:
    """`response.create`: the members of a request, the lane that it waits in, and its size in bytes."""

    members: dict[str, Any]
    lane: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Steer:
    """`response.steer`: input for a response that is being made."""

    members: dict[str, Any]


def read(message: Message, *, limit: int, depth: int) -> Create | Steer:
    """What the caller says. Raises BadRequestError, and PayloadTooLargeError over `limit` bytes."""
    text = message.get("text")
    if text is None:
        raise BadRequestError("send JSON as text: this message is binary", code="invalid_json")
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > limit:
        raise PayloadTooLargeError(f"the message is larger than the limit of {limit} bytes")
    try:
        members = parse_members(data, max_depth=depth)
    except BadRequestError as error:
        raise BadRequestError(error.message.replace("request body", "message"), code="invalid_json") from error
    kind = decoded(members.pop("type", None))
    if kind == "response.steer":
        return Steer(members)
    if kind != "response.create":
        message_ = "the type of a message must be response.create or response.steer"
        raise BadRequestError(message_, param="type", code="unsupported_event_type")
    return Create(members, _lane(decoded(members.pop("stream_id", None))), len(data))


def _lane(name: Any) -> str | None:
    if name is not None and not (isinstance(name, str) and LANE.fullmatch(name)):
        said = "`stream_id` must be 1 to 256 letters, digits, underscores, hyphens and periods"
        raise BadRequestError(said, param="stream_id", code="invalid_stream_id")
    return name


def error_event(error: NovaError, *, headers: RawHeaders = (), number: Any = None) -> bytes:  # type: ignore[assignment]
    """`error`, the form that errors have over WebSockets: the facts in `error`, the HTTP status beside it."""
    facts = OPENAI_RESPONSES.render_error(error)["error"]
    said = {name.decode(): value.decode("latin-1") for name, value in headers if name not in OF_BODY}
    event: dict[str, Any] = {"type": "error", "status": error.status, "error": {**facts, "headers": said}}
    if not said:
        del event["error"]["headers"]
    return _ENCODE(event if number is None else {**event, "sequence_number": number})


def steer_failed(members: Mapping[str, Any]) -> bytes:
    """`response.steer.failed`: nothing can be said in between here, so the caller has its input back."""
    steer = {"previous_response_id": members.get("previous_response_id"), "input": members.get("input")}
    error = {
        "code": "steering_not_supported",
        "type": "invalid_request_error",
        "message": "responses cannot be steered here: send the input with `response.create` when this one is complete",
    }
    return _ENCODE({"type": "response.steer.failed", "sequence_number": 0, "steer": steer, "error": error})


def in_lane(event: bytes, lane: str | None) -> str:
    """An event as the text of a message; those of a named lane say its name."""
    text = event.strip().decode("utf-8", "replace")
    return text if lane is None else f'{{"stream_id":"{lane}",{text[1:]}'
