"""A whole response of a stream: the vendor streams every answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.events import Frame
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.openai_chat.decoder import parse_chunk
from nova_core.wire.openai_responses.errors import response_error
from nova_core.wire.sse import SseParser

EVENTS: Final = "text/event-stream"
ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


def is_stream(response: UpstreamResponse) -> bool:
    """Whether an answer is a stream, whatever its type says."""
    told = response.headers.get("content-type", "").lower().startswith(EVENTS)
    return told or response.body.lstrip()[:6] in (b"event:", b"data: ")


def gathered(body: bytes) -> dict[str, Any]:
    """The response that a stream tells. Raises the error that it ends with, BadGatewayError where it has no end."""
    parser = SseParser()
    return _response([*parser.feed(body), *parser.end()])


def _response(frames: Iterable[Frame]) -> dict[str, Any]:
    """The response of the last event, with the items that came before it: the vendor may not say them again."""
    items: dict[int, Any] = {}
    for frame in frames:
        if frame.data.strip() == b"[DONE]":
            continue
        event = parse_chunk(frame.data)
        kind = event.get("type") or frame.event
        if kind == "error" or (kind is None and event.get("error")):
            raise response_error(event.get("error") or event)
        if kind == "response.output_item.done" and isinstance(event.get("output_index"), int):
            items[event["output_index"]] = event.get("item")
        elif str(kind) in ENDS and isinstance(response := event.get("response"), dict):
            return {**response, "output": response.get("output") or [items[place] for place in sorted(items)]}
    raise BadGatewayError("the upstream's stream ended before the response was finished")
