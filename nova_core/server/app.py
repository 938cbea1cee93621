"""Assembles the HTTP application: raw routes in front, FastAPI behind for management and documentation."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from nova_core.errors import ConfigurationError
from nova_core.gateway.gateway import Gateway
from nova_core.server.access_log import AccessLog
from nova_core.server.body import Receive, Send
from nova_core.server.calls import CallEndpoint
from nova_core.server.desk import CallDesk
from nova_core.server.headers import exposed_headers
from nova_core.server.ledger import Ledger
from nova_core.server.metrics import Metrics
from nova_core.server.paths import CallPaths, Found
from nova_core.server.plain import PlainRoutes
from nova_core.server.response_socket import ResponseSockets
from nova_core.server.scope import Scope, route_path
from nova_core.server.serving import AskOthers, Reload, Serving

if TYPE_CHECKING:
    from fastapi import FastAPI

GAUGE_SECONDS = 2.0
ROUTE = "nova.route"
"""Where the route of a raw request is kept in its scope."""
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Lifespan = Callable[[], AbstractAsyncContextManager[None]]


class GatewayApp:
    """Calls, probes and metrics are found in exact tables and answered as raw ASGI, everything else by FastAPI.

    FastAPI is imported and put together when it is first needed: a process that serves calls never pays for it.
    Middleware added with `add_middleware` (pure ASGI) is around all of them.
    """

    def __init__(self, serving: Serving, desk: CallDesk, plain: PlainRoutes, lifespan: Lifespan) -> None:
        self.serving = serving
        self.lifespan = lifespan
        """Starts and stops the gateway, for a caller who runs the application without lifespan events."""
        self.root_path = ""
        self._paths = CallPaths()
        self._desk = desk
        self._endpoint = CallEndpoint(desk)
        self._sockets = ResponseSockets(desk, serving)
        self._plain = plain
        self._around: list[Any] = []
        self._calls: App | None = None
        self._plain_stack: App | None = None
        self._socket_stack: App | None = None
        self._management: FastAPI | None = None
        self._building = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self._serve_event(scope, receive, send)
            return
        if self.root_path:
            scope["root_path"] = self.root_path
        path = route_path(scope)
        found = self._paths.find(path, scope["query_string"])
        if found is not None:
            if self._calls is None:
                self._calls = self._stack(self._serve_call)
            scope["app"] = self
            scope[ROUTE] = found
            await self._calls(scope, receive, send)
            return
        plain = self._plain.find(path)
        if plain is None:
            await (await self._built())(scope, receive, send)
            return
        if self._plain_stack is None:
            self._plain_stack = self._stack(self._serve_plain)
        scope["app"] = self
        scope[ROUTE] = plain
        await self._plain_stack(scope, receive, send)

    def serves_socket(self, target: bytes) -> bool:
        """Whether a WebSocket is served at this request target."""
        path = unquote(target.partition(b"?")[0].decode("latin-1"))
        return self._socket_at(path, self.root_path) is not None

    @property
    def direct(self) -> CallDesk | None:
        """Where a connection may take calls by itself; None where they must pass middleware or a root path."""
        wanted = self.serving.gateway.runtime.settings.general.direct_calls
        return None if self._around or self.root_path or not wanted else self._desk

    @property
    def management(self) -> FastAPI:
        """The FastAPI application behind: routes can be added to it."""
        if self._management is None:
            from nova_core.server.management import Management

            management = Management(self.serving, self._paths, self.lifespan)
            management.user_middleware = self._around
            self._management = management
        return self._management

    def add_middleware(self, middleware: Callable[..., Any], *args: Any, **options: Any) -> None:
        """Put pure ASGI middleware around everything, outside of what is there. Raises RuntimeError once serving."""
        if self._calls is not None or self._plain_stack is not None or self._socket_stack is not None:
            raise RuntimeError("middleware is added before the first request")
        self._around.insert(0, (middleware, args, options))

    async def _built(self) -> FastAPI:
        """FastAPI, made in a thread: that takes some hundred milliseconds, and calls are being served."""
        if self._management is None:
            async with self._building:
                await asyncio.to_thread(lambda: self.management)
        return self.management

    async def _serve_event(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and self._management is None:
            await live(self.lifespan, receive, send)
        elif scope["type"] == "websocket" and (found := self._socket_at(scope["path"], self._root(scope))) is not None:
            if self._socket_stack is None:
                self._socket_stack = self._stack(self._serve_socket)
            scope.update({"app": self, ROUTE: found, "root_path": self._root(scope)})
            await self._socket_stack(scope, receive, send)
        else:
            await self.management(scope, receive, send)

    def _root(self, scope: Scope) -> str:
        return self.root_path or str(scope.get("root_path", ""))

    def _socket_at(self, path: str, root: str) -> Found | None:
        found = self._paths.find(route_path({"path": path, "root_path": root}))
        return found if found is not None and found.route.sockets else None

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._sockets(scope, receive, send, scope[ROUTE])

    def _stack(self, inner: App) -> App:
        app: Any = inner
        for middleware, args, options in reversed(self._around):
            app = middleware(app, *args, **options)
        return app  # type: ignore[no-any-return]

    async def _serve_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint(scope, receive, send, scope[ROUTE])

    async def _serve_plain(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._plain.answer(scope[ROUTE], scope, send)


def create_app(
    gateway: Gateway, *, reload: Reload | None = None, root_path: str | None = None, ask_others: AskOthers | None = None
) -> GatewayApp:
    """The application that serves `gateway`.

    Its lifespan starts and stops the gateway; where the caller does that, run it with the lifespan off. `reload`
    answers `POST /config/reload`, `ask_others` finds decision records that other workers have. CORS and the root
    path are those of the present configuration: they do not change with a reload. Raises ConfigurationError.
    """
    general = gateway.runtime.settings.general
    serving = Serving(gateway, reload=reload, ask_others=ask_others)
    metrics = Metrics(gateway)
    access = AccessLog(lambda: serving.edge().access_log)
    gateway.watchers.append(Ledger(metrics, access, serving.decisions).finished)
    desk = CallDesk(serving, access, metrics)
    app = GatewayApp(serving, desk, PlainRoutes(serving, metrics), _lifespan(gateway, metrics))
    app.root_path = (general.root_path if root_path is None else root_path).rstrip("/")
    if general.cors_origins:
        from starlette.middleware.cors import CORSMiddleware

        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(general.cors_origins),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=exposed_headers(general.header_prefix),
        )
    for step in gateway.runtime.pipeline.register_routes:
        try:
            step.call(app.management)
        except Exception as error:
            problem = f"plugin '{step.plugin}' could not add its routes: {type(error).__name__}"
            raise ConfigurationError(problem) from error
    return app


def _lifespan(gateway: Gateway, metrics: Metrics) -> Lifespan:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with gateway:
            gauges = asyncio.create_task(_keep_observing(metrics), name="observe the process")
            try:
                yield
            finally:
                gauges.cancel()
                await asyncio.wait((gauges,))

    return lifespan


async def _keep_observing(metrics: Metrics) -> None:
    try:
        while True:
            metrics.observe_process()
            await asyncio.sleep(GAUGE_SECONDS)
    finally:
        metrics.observe_process()


async def live(lifespan: Lifespan, receive: Receive, send: Send) -> None:
    """Answer the server's lifespan events by entering and leaving `lifespan`; a failure is told, and raised."""
    await receive()
    failed = "lifespan.startup.failed"
    try:
        async with lifespan():
            await send({"type": "lifespan.startup.complete"})
            failed = "lifespan.shutdown.failed"
            await receive()
    except BaseException:
        await send({"type": failed, "message": traceback.format_exc()})
        raise
    await send({"type": "lifespan.shutdown.complete"})
