"""The FastAPI application: management and documentation, under the limits of calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from nova_core._version import __version__
from nova_core.server.body import Receive, Send
from nova_core.server.health import health_routes
from nova_core.server.management_errors import install_error_handlers
from nova_core.server.models import model_routes
from nova_core.server.openapi import with_raw_routes
from nova_core.server.operations import operation_routes
from nova_core.server.paths import CallPaths
from nova_core.server.responses import response_routes
from nova_core.server.scope import CALL_ID, Scope, call_id_of, headers_of
from nova_core.server.serving import Edge, Serving
from nova_core.server.why import why_routes

if TYPE_CHECKING:
    from nova_core.server.app import Lifespan


class Management(FastAPI):
    """FastAPI with an id in every answer, limits on bodies, and the raw routes in its document."""

    def __init__(self, serving: Serving, paths: CallPaths, lifespan: Lifespan) -> None:
        super().__init__(
            title="nova",
            version=__version__,
            description="One endpoint in front of every model.",
            redirect_slashes=False,
            lifespan=lambda _: lifespan(),
        )
        self._serving = serving
        self._paths = paths
        self._document: dict[str, Any] | None = None
        install_error_handlers(self, serving)
        for routes in (model_routes, health_routes, operation_routes, response_routes, why_routes):
            self.include_router(routes(serving))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        edge = self._serving.edge()
        call_id = scope[CALL_ID] = call_id_of(headers_of(scope))
        own = edge.headers.named({"call-id": call_id, "version": __version__})

        async def send_with_id(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}
                message = {**message, "headers": [*given, *(pair for pair in own if pair[0] not in names)]}
            await send(message)

        await super().__call__(scope, limited(receive, edge), send_with_id)

    def openapi(self) -> dict[str, Any]:
        """The document, raw routes included."""
        if self._document is None:
            self._document = with_raw_routes(super().openapi(), self._paths)
        return self._document


def limited(receive: Receive, edge: Edge) -> Receive:
    """Bodies of management requests under the same limits of size and time as those of calls."""
    size = 0
    complete = False

    async def guarded() -> Any:
        nonlocal size, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout(edge.body_seconds):
                message = await receive()
        except TimeoutError as error:
            raise HTTPException(408, "the request body did not arrive in time") from error
        complete = not message.get("more_body", False)
        size += len(message.get("body", b""))
        if size > edge.body_limit:
            raise HTTPException(413, "the request body is larger than the limit")
        return message

    return guarded
