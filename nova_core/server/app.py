"""Assembles the HTTP application: raw call routes in front, FastAPI behind for management and documentation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from nova_core._version import __version__
from nova_core.errors import ConfigurationError
from nova_core.gateway.gateway import Gateway
from nova_core.server.access_log import AccessLog
from nova_core.server.body import Receive, Send
from nova_core.server.calls import CallEndpoint
from nova_core.server.errors import install_error_handlers
from nova_core.server.headers import exposed_headers
from nova_core.server.health import health_routes
from nova_core.server.metrics import Metrics
from nova_core.server.models import model_routes
from nova_core.server.openapi import with_call_routes
from nova_core.server.operations import operation_routes
from nova_core.server.paths import CallPaths
from nova_core.server.scope import CALL_ID, Scope, call_id_of, headers_of, route_path
from nova_core.server.serving import Edge, Reload, Serving

GAUGE_SECONDS = 2.0
CALL_ROUTE = "nova.call_route"
"""Where the route of a call is kept in its scope."""
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class GatewayApp(FastAPI):
    """FastAPI with an exact table in front of its router: calls never pass through its machinery.

    Middleware added with `add_middleware` (pure ASGI) is around both.
    """

    def __init__(self, serving: Serving, endpoint: CallEndpoint, *, root: str, **options: Any) -> None:
        super().__init__(**options)
        self.serving = serving
        self._root = root
        self._paths = CallPaths()
        self._endpoint = endpoint
        self._calls: App | None = None
        self._document: dict[str, Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        if self._root:
            scope["root_path"] = self._root
        found = self._paths.find(route_path(scope))
        if found is None:
            await self._manage(scope, receive, send)
            return
        if self._calls is None:
            self._calls = self._call_stack()
        scope["app"] = self
        scope[CALL_ROUTE] = found
        await self._calls(scope, receive, send)

    async def _manage(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request for FastAPI, under the limits of calls and with an id of its own in every answer."""
        edge = self.serving.edge()
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
        """The document, call routes included."""
        if self._document is None:
            self._document = with_call_routes(super().openapi(), self._paths)
        return self._document

    def _call_stack(self) -> App:
        app: Any = self._serve_call
        for middleware in reversed(self.user_middleware):
            app = middleware.cls(app, *middleware.args, **middleware.kwargs)
        return app  # type: ignore[no-any-return]

    async def _serve_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint(scope, receive, send, scope[CALL_ROUTE])


def create_app(gateway: Gateway, *, reload: Reload | None = None, root_path: str | None = None) -> GatewayApp:
    """The application that serves `gateway`.

    Its lifespan starts and stops the gateway; where the caller does that, run it with the lifespan off. `reload`
    answers `POST /config/reload`. CORS and the root path are those of the present configuration: they do not
    change with a reload. Raises ConfigurationError.
    """
    serving = Serving(gateway, reload=reload)
    metrics = Metrics(gateway)
    access = AccessLog(lambda: serving.edge().access_log)
    gateway.watchers += [metrics.finished, access.finished]
    general = gateway.runtime.settings.general
    app = GatewayApp(
        serving,
        CallEndpoint(serving, access, metrics),
        root=(general.root_path if root_path is None else root_path).rstrip("/"),
        title="nova",
        version=__version__,
        description="One endpoint in front of every model.",
        redirect_slashes=False,
        lifespan=_lifespan(gateway, metrics),
    )
    install_error_handlers(app, serving)
    for router in (model_routes(serving), health_routes(serving), operation_routes(serving, metrics)):
        app.include_router(router)
    if general.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(general.cors_origins),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=exposed_headers(general.header_prefix),
        )
    for step in gateway.runtime.pipeline.register_routes:
        try:
            step.call(app)
        except Exception as error:
            problem = f"plugin '{step.plugin}' could not add its routes: {type(error).__name__}"
            raise ConfigurationError(problem) from error
    return app


def _lifespan(gateway: Gateway, metrics: Metrics) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with gateway:
            gauges = asyncio.create_task(_keep_observing(metrics), name="observe the process")
            try:
                yield
            finally:
                gauges.cancel()
                await asyncio.wait((gauges,))

    return lifespan


async def _keep_observing(metrics: Metrics) -> None:
    while True:
        metrics.observe_process()
        await asyncio.sleep(GAUGE_SECONDS)


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
