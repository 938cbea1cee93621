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
from nova_core.server.listening import BACKLOG
from nova_core.server.protocol import protocol_with
from nova_core.server.startup import Tls, settle_memory
from nova_core.server.upgrades import Sockets, socket_protocol
from nova_core.server.watched import WatchedConnection

logger = logging.getLogger("nova.server")

CONNECTED_SECONDS = 0.1
"""How long a handshake that has begun may take once no further one begins: a way there and back."""
ACCEPTED_SECONDS = 0.1
"""How long what has already arrived may take to become a request, once nothing is accepted any more."""
ANSWERED_SECONDS = 1.0
"""How long a peer whose answer did not say that the connection ends may take to send its next request."""
HANDSHAKE_SECONDS = 2.0
LARGEST_MESSAGE = 2
"""Messages are read up to so many times the limit of a body, so that those over the limit are answered."""
AFTER_CANCEL_SECONDS = 5.0
CLOSED_SECONDS = 1.0
"""How long connections may take to end: TLS says goodbye."""
LOOK_SECONDS = 0.02


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

    async def run_on(self, sockets: list[socket.socket]) -> None:
        """Serve on these sockets until `stop`."""
        await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the gateway, then accept."""
        await super().startup(sockets)
        settle_memory()
        await self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let running calls finish within the drain time, then stop the gateway.

        Peers are told that their connections end only once none can be made any more, else they would come back
        just when it is too late. What is being connected has a moment to end, see `connect_no_more`.
        """
        await asyncio.sleep(CONNECTED_SECONDS)
        listeners = [sock.dup() for sock in sockets or ()]
        for server in self.servers:
            server.close()
        for sock in sockets or ():
            sock.close()
        await self._accept_the_rest(listeners)
        self._app.serving.draining = True
        for connection in self._open():
            connection.finish_up()
        end = time.monotonic() + self._drain_seconds
        await self._drain(end)
        await self._read(end)
        await self.lifespan.shutdown()

    async def _accept_the_rest(self, listeners: list[socket.socket]) -> None:
        """Take what the system has connected and nobody accepted yet: closing the listeners would reset it."""
        loop = asyncio.get_running_loop()
        late: set[asyncio.Task[object]] = set()
        for listener in listeners:
            with listener:
                while (sock := _waiting_at(listener)) is not None:
                    taking = loop.connect_accepted_socket(self._protocol, sock, ssl=self.config.ssl)
                    late.add(loop.create_task(taking, name="accept the rest"))
        if late:
            _, unfinished = await asyncio.wait(late, timeout=HANDSHAKE_SECONDS)
            for task in unfinished:
                task.cancel()

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    async def _drain(self, end: float) -> None:
        """Wait until nothing runs and nothing begins for a moment: an answered peer may have sent its next request."""
        await asyncio.sleep(ACCEPTED_SECONDS)
        running = self.server_state.tasks
        if self.server_state.connections and not running:
            await asyncio.sleep(min(ANSWERED_SECONDS, self._drain_seconds))
        if running:
            logger.info("waiting for %d running requests", len(running))
        while running and not self.force_exit and time.monotonic() < end:
            await asyncio.wait(set(running), timeout=0.1)
            if not running:
                await asyncio.sleep(ANSWERED_SECONDS)
        if running:
            logger.warning("%d requests were cancelled at the end of the drain time", len(running))
            for task in list(running):
                task.cancel()
            await asyncio.wait(set(running), timeout=AFTER_CANCEL_SECONDS)

    async def _read(self, end: float) -> None:
        """Close the connections once peers have read what was written: what this process holds would end with it."""
        await self._until(lambda: not any(each.unread for each in self._open()), end)
        for connection in self._open():
            connection.transport.close()
        await self._until(lambda: not self._open(), time.monotonic() + CLOSED_SECONDS)

    async def _until(self, condition: Callable[[], bool], end: float) -> None:
        while not condition():
            if self.force_exit or time.monotonic() >= end:
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _open(self) -> list[WatchedConnection]:
        return [each for each in self.server_state.connections if isinstance(each, WatchedConnection)]


def _waiting_at(listener: socket.socket) -> socket.socket | None:
    try:
        sock, _ = listener.accept()
    except OSError:  # BlockingIOError when there is none
        return None
    sock.setblocking(False)
    return sock


def server_for(app: GatewayApp, *, tls: Tls | None, started: Callable[[], Awaitable[None]]) -> GatewayServer:
    """A server for the application, with the limits of its configuration."""
    general: GeneralSettings = app.serving.gateway.runtime.settings.general
    config = uvicorn.Config(
        app,
        http=protocol_with(
            general.limits,
            draining=lambda: app.serving.draining,
            desk=app.direct,
            sockets=Sockets(app.serves_socket, socket_protocol),
        ),
        ws="none",
        ws_max_size=LARGEST_MESSAGE * general.body_limit_bytes,
        ws_per_message_deflate=False,
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
