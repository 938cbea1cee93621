"""Probes and metrics: raw routes, asked every few seconds for as long as a process lives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from nova_core._version import __version__
from nova_core.errors import NovaError
from nova_core.server.body import Send
from nova_core.server.errors import error_body, error_headers, method_not_allowed, unexpected
from nova_core.server.headers import JSON, RawHeaders
from nova_core.server.metrics import CONTENT_TYPE, Metrics
from nova_core.server.scope import CALL_ID, Scope, call_id_of, headers_of, route_path
from nova_core.server.serving import Serving

Answer = tuple[int, RawHeaders, bytes]
PlainRoute = Callable[[Scope], Awaitable[Answer]]


class PlainRoutes:
    """`/health/liveliness` (also `/health/liveness`), `/health/readiness` and `/metrics`."""

    def __init__(self, serving: Serving, metrics: Metrics) -> None:
        self._serving = serving
        self._metrics = metrics
        self._routes: Mapping[str, PlainRoute] = {
            "/health/liveliness": self._alive,
            "/health/liveness": self._alive,
            "/health/readiness": self._ready,
            "/metrics": self._show_metrics,
        }

    def find(self, path: str) -> PlainRoute | None:
        """The route of this path."""
        return self._routes.get(path)

    async def answer(self, route: PlainRoute, scope: Scope, send: Send) -> None:
        """Answer one request."""
        call_id = scope[CALL_ID] = call_id_of(headers_of(scope))
        try:
            if scope["method"] not in ("GET", "HEAD"):
                raise method_not_allowed(route_path(scope), "GET")
            status, headers, content = await route(scope)
            headers += self._serving.edge().headers.named({"call-id": call_id, "version": __version__})
        except NovaError as error:
            status, headers, content = self._refused(call_id, error)
        except Exception as error:
            status, headers, content = self._refused(call_id, unexpected(call_id, error))
        headers.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    def _refused(self, call_id: str, error: NovaError) -> Answer:
        headers = error_headers(self._serving, call_id, error)
        if error.status == 405:
            headers.append((b"allow", b"GET, HEAD"))
        return error.status, headers, error_body(error)

    async def _alive(self, _: Scope) -> Answer:
        return self._said("draining" if self._serving.draining else "I'm alive!")

    async def _ready(self, _: Scope) -> Answer:
        status = "draining" if self._serving.draining else "healthy"
        return self._said({"status": status, "db": "Not connected", "version": __version__})

    def _said(self, answer: object) -> Answer:
        return 503 if self._serving.draining else 200, [JSON], msgspec.json.encode(answer)

    async def _show_metrics(self, scope: Scope) -> Answer:
        edge = self._serving.edge()
        if edge.runtime.settings.nova.require_auth_for_metrics_endpoint:
            await edge.authenticate(scope, headers_of(scope))
        return 200, [(b"content-type", CONTENT_TYPE.encode())], self._metrics.render()
