"""Routes about responses that were made: retrieve, cancel, delete, list their input."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from nova_core.gateway.relay import CallerStream
from nova_core.server.access import Caller, key_needed
from nova_core.server.body import Receive, Send
from nova_core.server.departure import Departure
from nova_core.server.desk import EVENT_STREAM
from nova_core.server.headers import pairs_of
from nova_core.server.paths import PREFIXES
from nova_core.server.scope import Scope
from nova_core.server.serving import Serving
from nova_core.server.streaming import send_stream
from nova_core.types.message import Reply

Answer = Callable[..., Awaitable[Response]]
Query = tuple[tuple[str, str], ...]


class StreamedResponse(Response):
    """A response that is told once more as a stream; a caller who leaves closes it."""

    def __init__(self, stream: CallerStream) -> None:
        super().__init__()
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the stream to its end."""
        with Departure(receive) as departure:
            try:
                await send_stream(self._stream, pairs_of(EVENT_STREAM), send)
            except asyncio.CancelledError:
                if not departure.absorb():
                    raise


def response_routes(serving: Serving) -> APIRouter:
    """`/v1/responses/{id}` and below."""
    router = APIRouter(tags=["responses"])
    caller = Depends(key_needed(serving))
    conversations = serving.gateway.conversations

    async def retrieve_response(response_id: str, request: Request, who: Caller = caller) -> Response:
        """A response, also while it is being made in the background; with `stream=true` its events."""
        return _said(await conversations.retrieve(who.principal, response_id, _query(request)))

    async def delete_response(response_id: str, who: Caller = caller) -> Response:
        """Forget a response."""
        return _said(await conversations.delete(who.principal, response_id))

    async def cancel_response(response_id: str, who: Caller = caller) -> Response:
        """Stop a response that is being made in the background."""
        return _said(await conversations.cancel(who.principal, response_id))

    async def list_input_items(response_id: str, request: Request, who: Caller = caller) -> Response:
        """What a response answers; `limit`, `order`, `after` and `before` pick a page."""
        return _said(await conversations.input_items(who.principal, response_id, _query(request)))

    routes: tuple[tuple[str, str, Answer], ...] = (
        ("GET", "", retrieve_response),
        ("DELETE", "", delete_response),
        ("POST", "/cancel", cancel_response),
        ("GET", "/input_items", list_input_items),
    )
    for prefix in PREFIXES:
        for method, below, endpoint in routes:
            path = f"{prefix}/responses/{{response_id}}{below}"
            shown: Any = prefix == PREFIXES[0]
            router.add_api_route(path, endpoint, methods=[method], response_class=Response, include_in_schema=shown)
    return router


def _query(request: Request) -> Query:
    return tuple(request.query_params.multi_items())


def _said(answer: Reply | CallerStream) -> Response:
    if isinstance(answer, CallerStream):
        return StreamedResponse(answer)
    return Response(answer.encode(), media_type="application/json")
