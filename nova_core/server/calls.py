"""The call routes: bytes in, a call through the gateway, bytes out; raw ASGI."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from nova_core.errors import BadRequestError, ClientClosedError, NovaError, ServiceUnavailableError
from nova_core.gateway.options import take_options
from nova_core.gateway.relay import CallerStream
from nova_core.server.access_log import AccessLog
from nova_core.server.body import Body, Receive, Send
from nova_core.server.departure import Departure
from nova_core.server.errors import JSON, error_body, error_headers, method_not_allowed, unexpected
from nova_core.server.headers import RawHeaders, request_ids
from nova_core.server.metrics import Metrics
from nova_core.server.paths import Found
from nova_core.server.scope import Scope, call_id_of, headers_of, route_path
from nova_core.server.serving import Edge, Serving, public_headers
from nova_core.server.streaming import send_stream
from nova_core.types.call import Call
from nova_core.types.message import Reply, Request
from nova_core.types.principal import Principal
from nova_core.wire.body import parse_members

EVENT_STREAM: RawHeaders = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(slots=True)
class Visit:
    """One request on a call route and what has become known of it."""

    scope: Scope
    found: Found
    headers: dict[str, str]
    call_id: str
    body: Body
    started: float = field(default_factory=time.monotonic)
    principal: Principal | None = None
    call: Call | None = None
    answering: bool = False


class CallEndpoint:
    """Serves all call routes. An instance serves any number of requests at once."""

    def __init__(self, serving: Serving, access: AccessLog, metrics: Metrics) -> None:
        self._serving = serving
        self._access = access
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send, found: Found) -> None:
        """Answer one request; never raises for anything that can still be answered."""
        headers = headers_of(scope)
        visit = Visit(scope, found, headers, call_id_of(headers), Body(receive, headers))
        try:
            await self._serve(visit, receive, send)
        except NovaError as error:
            await self._refuse(visit, error, send)
        except Exception as error:
            if visit.answering:
                raise
            await self._refuse(visit, unexpected(visit.call_id, error), send)

    async def _serve(self, visit: Visit, receive: Receive, send: Send) -> None:
        if visit.scope["method"] != "POST":
            raise method_not_allowed(route_path(visit.scope), "POST")
        edge = self._serving.edge()
        visit.principal = await edge.authenticate(visit.scope, visit.headers)
        body = await visit.body.read(limit=edge.body_limit, seconds=edge.body_seconds)
        try:
            call = visit.call = _call_of(visit, edge, body)
        except msgspec.ValidationError as error:  # JSON that is well formed may hold numbers that no type can
            raise BadRequestError(f"the request body cannot be read: {error}") from error
        with Departure(receive) as departure:
            try:
                answer = await self._serving.gateway.answer(call)
                if isinstance(answer, CallerStream):
                    self._metrics.first_chunk(call)
                    visit.answering = True
                    await send_stream(answer, self._stream_headers(edge, call, answer.headers), send)
                    return
            except asyncio.CancelledError:
                if departure.absorb():
                    return
                stopping = ServiceUnavailableError("the gateway is stopping", retry_after=1)
                if not visit.answering:
                    raise stopping from None
                broken = call.original.dialect.encoder(model=call.model, include_usage=False).fail(stopping)
                await send({"type": "http.response.body", "body": broken})
                return
        await self._reply(edge, visit, call, answer, send)

    async def _reply(self, edge: Edge, visit: Visit, call: Call, reply: Reply, send: Send) -> None:
        content = reply.encode()
        headers = [JSON, (b"content-length", str(len(content)).encode()), *request_ids(call.id)]
        headers += edge.headers.of_call(call, reply.headers)
        visit.answering = True
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _stream_headers(self, edge: Edge, call: Call, upstream: Mapping[str, str]) -> RawHeaders:
        return [*EVENT_STREAM, *request_ids(call.id), *edge.headers.of_call(call, upstream)]

    async def _refuse(self, visit: Visit, error: NovaError, send: Send) -> None:
        """Answer with an error. A call that was run is accounted already, anything else is written down here."""
        if visit.call is None:
            self._note_refusal(visit, error)
        if isinstance(error, ClientClosedError):
            return
        content = error_body(error, visit.found.route.dialect)
        headers = self._error_headers(visit, error)
        headers.append((b"content-length", str(len(content)).encode()))
        if error.status == 405:
            headers.append((b"allow", b"POST"))
        if not visit.body.complete:
            headers.append((b"connection", b"close"))
        visit.answering = True
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": not visit.body.complete})
        if not visit.body.complete:
            await visit.body.discard()
            await send({"type": "http.response.body", "body": b""})

    def _error_headers(self, visit: Visit, error: NovaError) -> RawHeaders:
        if visit.call is None:
            return error_headers(self._serving, visit.call_id, error)
        own = self._serving.edge().headers.of_error(visit.call_id, error, visit.call)
        return [JSON, *request_ids(visit.call_id), *own]

    def _note_refusal(self, visit: Visit, error: NovaError) -> None:
        path, seconds = route_path(visit.scope), time.monotonic() - visit.started
        operation = visit.found.route.dialect.operation
        self._metrics.refused(operation, error)
        if self._serving.edge().access_log:
            name = visit.principal.name if visit.principal is not None else None
            self._access.refused(visit.call_id, visit.scope["method"], path, error=error, name=name, seconds=seconds)


def _call_of(visit: Visit, edge: Edge, body: bytes) -> Call:
    """The call that the request asks for. Raises BadRequestError."""
    dialect, principal = visit.found.route.dialect, visit.principal
    assert principal is not None
    members = parse_members(body, max_depth=edge.json_depth)
    if visit.found.model is not None:
        members["model"] = msgspec.Raw(msgspec.json.encode(visit.found.model))
    left, options, tags = take_options(members, visit.headers, dialect=dialect.name, principal_tags=principal.tags)
    dialect.check_request(left)
    return Call(
        Request(dialect.operation, dialect, left),
        principal=principal,
        options=options,
        tags=tags,
        headers=public_headers(visit.headers),
        id=visit.call_id,
        route=route_path(visit.scope),
    )
