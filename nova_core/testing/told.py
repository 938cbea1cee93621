"""What a caller gets of an answer: the bytes that the server would send, and what was used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from nova_core.errors import NovaError
from nova_core.gateway.layers import as_asked
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.said import in_dialect
from nova_core.testing.provider_bench import ProviderBench
from nova_core.types.call import CallOptions
from nova_core.types.message import RawReply, Reply, Request
from nova_core.types.usage import Usage
from nova_core.wire.sse import SseParser

JSON = "application/json"
EVENTS = "text/event-stream"
OF_THE_MOMENT = frozenset({"id", "created", "created_at"})
"""Members that differ from answer to answer, whatever was asked."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer in the caller's dialect."""

    content: bytes
    content_type: str
    usage: Usage | None

    @property
    def document(self) -> Any:
        """The JSON of an answer that is that."""
        return msgspec.json.decode(self.content)

    @property
    def events(self) -> list[Any]:
        """The JSON of each event of a stream of events."""
        parser = SseParser()
        frames = [*parser.feed(self.content), *parser.end()]
        return [msgspec.json.decode(frame.data) for frame in frames if frame.data != b"[DONE]"]

    @property
    def lasting(self) -> Any:
        """What must be alike in two answers that say the same."""
        if self.content_type == JSON:
            return _lasting(self.document)
        return [_lasting(event) for event in self.events] if self.content_type == EVENTS else self.content


async def told(bench: ProviderBench, request: Request, options: CallOptions | None = None) -> Told:
    """One attempt, and what the caller gets. Raises the NovaError that it ends with, also one that breaks a stream."""
    answer = await bench.ask(request, options)
    call = bench.call
    assert call is not None
    answer = await as_asked(call, answer)
    if isinstance(answer, Reply):
        return told_whole(answer, request)
    stream = CallerStream(call, answer, request.dialect, _accounted)
    try:
        content = b"".join([piece async for piece in stream])
    finally:
        await stream.aclose()
    if stream.error is not None:
        raise stream.error
    return Told(content, stream.content_type or EVENTS, call.usage)


def told_whole(reply: Reply, request: Request) -> Told:
    """What the caller gets of a whole reply. Raises BadGatewayError for one that cannot be said."""
    whole = in_dialect(reply, request.dialect, request)
    kind = whole.content_type if isinstance(whole, RawReply) else JSON
    return Told(whole.encode(), kind, reply.usage)


async def _accounted(error: NovaError | None) -> None:
    """The bench keeps no accounts."""


def _lasting(document: Any) -> Any:
    if not isinstance(document, dict):
        return document
    return {name: value for name, value in document.items() if name not in OF_THE_MOMENT}
