"""The call routes: bytes in, a call through the gateway, bytes out; raw ASGI."""

from __future__ import annotations

import asyncio

from nova_core.errors import ClientClosedError, let_go
from nova_core.gateway.relay import CallerStream
from nova_core.server.auth import with_key_of_query
from nova_core.server.body import Body, Receive, Send
from nova_core.server.departure import Departure
from nova_core.server.desk import CallDesk, Visit, stopping, visit_of
from nova_core.server.errors import method_not_allowed
from nova_core.server.form import FormReader, PartAfterFileError
from nova_core.server.forms import answer_form
from nova_core.server.handshake import not_installed, offers_socket
from nova_core.server.headers import pairs_of
from nova_core.server.paths import Found
from nova_core.server.scope import Scope, headers_of, route_path
from nova_core.server.serving import Edge
from nova_core.server.streaming import send_stream
from nova_core.server.upgrades import sockets_installed
from nova_core.types.dialect import TakesForms
from nova_core.types.message import Reply


class CallEndpoint:
    """Serves all call routes under any ASGI server. An instance serves any number of requests at once."""

    def __init__(self, desk: CallDesk) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send, found: Found) -> None:
        """Answer one request; never raises for anything that can still be answered."""
        headers = headers_of(scope)
        if found.route.by_verb:
            headers = with_key_of_query(headers, scope["query_string"])
        found = found.sent_as(headers.get("content-type", ""))
        visit = visit_of(found, scope["method"], route_path(scope), headers)
        body = Body(receive, headers)
        try:
            await self._serve(visit, scope, body, receive, send)
        except Exception as error:
            if visit.answering:
                raise
            await self._refuse(visit, error, body, send)
            let_go(error)

    async def _serve(self, visit: Visit, scope: Scope, body: Body, receive: Receive, send: Send) -> None:
        if visit.method != "POST":
            if visit.found.route.sockets and offers_socket(visit.headers) and not sockets_installed():
                raise not_installed()
            raise method_not_allowed(visit.path, "POST")
        edge = self._desk.edge()
        visit.principal = await edge.authenticate(scope, visit.headers)
        if isinstance(visit.found.route.dialect, TakesForms):
            await self._serve_form(visit, edge, body, send)
            return
        content = await body.read(limit=edge.body_limit, seconds=edge.body_seconds)
        with Departure(receive) as departure:
            try:
                answer = await self._desk.answer(visit, edge, content)
                if isinstance(answer, CallerStream):
                    visit.answering = True
                    await send_stream(answer, pairs_of(self._desk.stream_head(visit, edge, answer)), send)
                    return
            except asyncio.CancelledError as error:
                let_go(error)
                if departure.absorb():
                    return
                if not visit.answering:
                    raise stopping() from None
                await self._break_off(visit, send)
                return
        await self._reply(visit, edge, answer, send)

    async def _serve_form(self, visit: Visit, edge: Edge, body: Body, send: Send) -> None:
        async with FormReader(body, visit.headers, limit=edge.body_limit, seconds=edge.body_seconds) as form:
            while True:
                try:
                    answer = await answer_form(self._desk, visit, form)
                    if isinstance(answer, CallerStream):
                        visit.answering = True
                        await send_stream(answer, pairs_of(self._desk.stream_head(visit, edge, answer)), send)
                        return
                    break
                except asyncio.CancelledError:
                    failure = form.absorb()
                    if visit.answering:
                        if failure is None:
                            await self._break_off(visit, send)
                        return
                    if not isinstance(failure, PartAfterFileError):
                        raise (failure or stopping()) from None
                    visit.call = None
        await self._reply(visit, edge, answer, send)

    async def _break_off(self, visit: Visit, send: Send) -> None:
        """End a stream because the process ends; bytes are left without an end, and the server closes."""
        last = self._desk.broken_off(visit)
        if last is not None:
            await send({"type": "http.response.body", "body": last})

    async def _reply(self, visit: Visit, edge: Edge, reply: Reply, send: Send) -> None:
        content = reply.encode()
        headers = pairs_of(self._desk.reply_head(visit, edge, reply, len(content)))
        visit.answering = True
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _refuse(self, visit: Visit, error: Exception, body: Body, send: Send) -> None:
        """Answer with an error; what the caller is still sending is read for a while, so that they see it."""
        said, headers, content = self._desk.refusal(visit, error)
        if isinstance(said, ClientClosedError):
            return
        if not body.complete:
            headers.append((b"connection", b"close"))
        visit.answering = True
        await send({"type": "http.response.start", "status": said.status, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": not body.complete})
        if not body.complete:
            await body.discard()
            await send({"type": "http.response.body", "body": b""})
