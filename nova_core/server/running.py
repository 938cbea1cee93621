"""Runs the application in this process's event loop until it is told to stop, and then drains."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn

from nova_core.config.sections import GeneralSettings
from nova_core.server.app import GatewayApp
from nova_core.server.protocol import LimitedProtocol, protocol_with
from nova_core.server.startup import BACKLOG, Tls

logger = logging.getLogger("nova.server")

ACCEPTED_SECONDS = 0.1
"""How long what has already arrived may take to become a request, once nothing is accepted any more."""
AFTER_CANCEL_SECONDS = 5.0


class GatewayServer(uvicorn.Server):
    """uvicorn's server with our way to stop: readiness says no, running calls finish, new connections are refused."""

    def __init__(self, config: uvicorn.Config, app: GatewayApp, started: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._app = app
        self._started = started
        self._drain_seconds = app.serving.gateway.runtime.settings.general.limits.drain_seconds

    def stop(self) -> None:
        """Drain and end; the second time, end at once."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
        self._app.serving.draining = True

    async def run_on(self, sockets: list[socket.socket]) -> None:
        """Serve on these sockets until `stop`."""
        await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the gateway, then accept."""
        await super().startup(sockets)
        await self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let running calls finish within the drain time, then stop the gateway."""
        self._app.serving.draining = True
        for server in self.servers:
            server.close()
        for sock in sockets or ():
            sock.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, LimitedProtocol):
                connection.finish_up()
        await self._drain()
        for connection in list(self.server_state.connections):
            if isinstance(connection, LimitedProtocol):
                connection.transport.close()
        await self.lifespan.shutdown()

    async def _drain(self) -> None:
        end = time.monotonic() + self._drain_seconds
        await asyncio.sleep(ACCEPTED_SECONDS)
        running = self.server_state.tasks
        if running:
            logger.info("waiting for %d running requests", len(running))
        while running and not self.force_exit and time.monotonic() < end:
            await asyncio.wait(set(running), timeout=0.1)
        if running:
            logger.warning("%d requests were cancelled at the end of the drain time", len(running))
            for task in list(running):
                task.cancel()
            await asyncio.wait(set(running), timeout=AFTER_CANCEL_SECONDS)


def server_for(app: GatewayApp, *, tls: Tls | None, started: Callable[[], Awaitable[None]]) -> GatewayServer:
    """A server for the application, with the limits of its configuration."""
    general: GeneralSettings = app.serving.gateway.runtime.settings.general
    config = uvicorn.Config(
        app,
        http=protocol_with(general.limits, draining=lambda: app.serving.draining),
        ws="none",
        lifespan="on",
        loop="none",
        log_config=None,
        log_level=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=max(1, round(general.limits.idle_seconds)),
        ssl_certfile=tls.certfile if tls else None,
        ssl_keyfile=tls.keyfile if tls else None,
        ssl_keyfile_password=tls.password if tls else None,
    )
    return GatewayServer(config, app, started)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's event loops where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def config_files(app: GatewayApp) -> tuple[Path, ...]:
    """The files that the configuration in use was read from."""
    source = app.serving.gateway.runtime.settings.source
    return source.files if source is not None else ()
