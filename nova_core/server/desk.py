"""What every server protocol asks about a call route: the call of a request, its answer, and both as HTTP says them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from nova_core.errors import BadRequestError, NovaError, ServiceUnavailableError
from nova_core.gateway.http1.outbox import Outbox
from nova_core.gateway.options import HEADER_PREFIXES, take_options
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.underway import Told, Underway
from nova_core.server.access_log import AccessLog
from nova_core.server.auth import PRIVATE_HEADERS
from nova_core.server.errors import error_body, error_headers, unexpected
from nova_core.server.headers import JSON, RawHeaders, clean_value
from nova_core.server.metrics import Metrics
from nova_core.server.paths import ARRAY_ROUTE, Found
from nova_core.server.scope import given_call_id
from nova_core.server.serving import Edge, Serving
from nova_core.types.call import Call, new_id
from nova_core.types.message import RawReply, Reply, Request
from nova_core.types.principal import Principal
from nova_core.wire.body import parse_members

EVENT_STREAM = b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"

AT_ONCE_BYTES = 200 * 1024
"""A larger body takes more than one write, between which others have their turn."""
ARRAY_STREAM = EVENT_STREAM.replace(b"text/event-stream", b"application/json")


class Heading(msgspec.Struct, frozen=True):
    """What a caller's headers say, worked out once for all requests that have the same: those without credentials,
    those for the gateway itself, and the id that the caller gives the call.
    """

    public: Mapping[str, str]
    own: Mapping[str, str]
    call_id: str | None


def heading_of(headers: Mapping[str, str]) -> Heading:
    """What these headers say."""
    public = {name: value for name, value in headers.items() if name not in PRIVATE_HEADERS}
    own = {name: value for name, value in public.items() if name.startswith(HEADER_PREFIXES)}
    return Heading(MappingProxyType(public), own, given_call_id(own))


class Visit(msgspec.Struct, eq=False):
    """One request on a call route and what has become known of it. `headers` are those that were sent, without
    credentials where these were seen to before.
    """

    found: Found
    method: str
    path: str
    headers: Mapping[str, str]
    heading: Heading
    call_id: str
    started: float = msgspec.field(default_factory=time.monotonic)
    principal: Principal | None = None
    call: Call | None = None
    answering: bool = False
    is_raw: bool = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.call_id}>"  # nothing of the headers, which hold credentials


def visit_of(found: Found, method: str, path: str, headers: Mapping[str, str]) -> Visit:
    """A request that has just come."""
    heading = heading_of(headers)
    return Visit(found, method, path, headers, heading, heading.call_id or new_id())


class CallDesk:
    """Takes calls in and says how they are answered. One serves any number of requests at once."""

    def __init__(self, serving: Serving, access: AccessLog, metrics: Metrics) -> None:
        self.outbox = Outbox()
        self.edge = serving.edge
        """The server settings that new calls are served with."""
        self._serving = serving
        self._access = access
        self._metrics = metrics

    def answer(self, visit: Visit, edge: Edge, body: bytes) -> Awaitable[Reply | CallerStream]:
        """Run the call that `body` asks for. Raises NovaError, some of them at once."""
        return self.answer_members(visit, parse_members(body, max_depth=edge.json_depth))

    def answer_members(self, visit: Visit, members: dict[str, Any]) -> Awaitable[Reply | CallerStream]:
        """Run the call that these members ask for. Raises NovaError, some of them at once."""
        call = visit.call = call_of(visit, members)
        return self._run(visit, call)

    def begin(
        self, visit: Visit, edge: Edge, body: bytes, told: Told
    ) -> tuple[Underway | None, Awaitable[Reply | CallerStream] | None]:
        """Run the call that `body` asks for: it is under way, and `told` learns of it, or is to be waited for.

        Raises NovaError.
        """
        call = visit.call = call_of(visit, parse_members(body, max_depth=edge.json_depth))
        if not visit.found.route.remembers and len(body) <= AT_ONCE_BYTES:
            underway = self._serving.gateway.begin(call, told)
            if underway is not None:
                return underway, None
        return None, self._run(visit, call)

    def _run(self, visit: Visit, call: Call) -> Awaitable[Reply | CallerStream]:
        gateway = self._serving.gateway
        return gateway.conversations.answer(call) if visit.found.route.remembers else gateway.answer(call)

    async def prepare(self, visit: Visit, members: dict[str, Any]) -> bytes:
        """The events of a response that says nothing: see `Conversations.prepare`. Raises NovaError."""
        return await self._serving.gateway.conversations.prepare(call_of(visit, members))

    def reply_head(self, visit: Visit, edge: Edge, reply: Reply, length: int) -> bytes:
        """Headers of a whole reply of so many bytes, as they stand on the wire."""
        assert visit.call is not None
        own = edge.headers.of_call(visit.call, reply.headers)
        if isinstance(reply, RawReply):
            return b"content-type: %b\r\ncontent-length: %d\r\n%b" % (clean_value(reply.content_type), length, own)
        return b"content-type: application/json\r\ncontent-length: %d\r\n%b" % (length, own)

    def stream_head(self, visit: Visit, edge: Edge, stream: CallerStream) -> bytes:
        """Headers of a streamed answer, whose first chunk is there."""
        assert visit.call is not None
        self.began(visit)
        if stream.content_type is not None:
            visit.is_raw = True
            head = b"content-type: %b\r\n" % clean_value(stream.content_type)
        else:
            head = ARRAY_STREAM if visit.found.route is ARRAY_ROUTE else EVENT_STREAM
        return head + edge.headers.of_call(visit.call, stream.headers)

    def began(self, visit: Visit) -> None:
        """The first chunk of a streamed answer is there."""
        assert visit.call is not None
        self._metrics.first_chunk(visit.call)

    def refusal(self, visit: Visit, error: Exception) -> tuple[NovaError, RawHeaders, bytes]:
        """The error to answer, its headers and its body. A call that was run is accounted already, others are here."""
        known = error if isinstance(error, NovaError) else unexpected(visit.call_id, error)
        if visit.call is None:
            self._note_refusal(visit, known)
        content = error_body(known, visit.found.route.dialect)
        headers = self._error_headers(visit, known)
        headers.append((b"content-length", str(len(content)).encode()))
        if known.status == 405:
            headers.append((b"allow", b"POST"))
        return known, headers, content

    def broken_off(self, visit: Visit) -> bytes | None:
        """The last event of a stream that ends because the process does; None for bytes, which can only be cut."""
        if visit.is_raw:
            return None
        assert visit.call is not None
        dialect = visit.call.original.dialect
        return dialect.encoder(model=visit.call.model, include_usage=False).fail(stopping())

    def _error_headers(self, visit: Visit, error: NovaError) -> RawHeaders:
        if visit.call is None:
            return error_headers(self._serving, visit.call_id, error)
        return [JSON, *self._serving.edge().headers.of_error(visit.call_id, error, visit.call)]

    def _note_refusal(self, visit: Visit, error: NovaError) -> None:
        self._metrics.refused(visit.found.route.dialect.operation, error)
        if self._serving.edge().access_log:
            name = visit.principal.name if visit.principal is not None else None
            seconds = time.monotonic() - visit.started
            self._access.refused(visit.call_id, visit.method, visit.path, error=error, name=name, seconds=seconds)


def stopping() -> NovaError:
    """The answer to a call that ends because the process does."""
    return ServiceUnavailableError("the gateway is stopping", retry_after=1)


def call_of(visit: Visit, members: dict[str, Any]) -> Call:
    """The call that the request asks for. Raises BadRequestError."""
    dialect, principal = visit.found.route.dialect, visit.principal
    assert principal is not None
    if visit.found.model is not None:
        members["model"] = msgspec.Raw(msgspec.json.encode(visit.found.model))
    if visit.found.route.streams is not None:
        members["stream"] = visit.found.route.streams
    own = visit.heading.own
    try:
        left, options, tags = take_options(members, own, dialect=dialect.name, principal_tags=principal.tags)
        dialect.check_request(left)
        return Call(
            Request(dialect.operation, dialect, left),
            principal=principal,
            options=options,
            tags=tags,
            headers=visit.heading.public,
            id=visit.call_id,
            route=visit.path,
        )
    except msgspec.ValidationError as error:  # JSON that is well formed may hold numbers that no type can
        raise BadRequestError(f"the request body cannot be read: {error}") from error
