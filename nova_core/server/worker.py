"""A worker process: serves on the parent's sockets, reloads and stops when the parent says so."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket

from nova_core.config.check import read_settings
from nova_core.config.loader import LoadedConfig
from nova_core.errors import ConfigurationError, NovaError
from nova_core.gateway.gateway import Gateway
from nova_core.server.app import create_app
from nova_core.server.channel import Channel
from nova_core.server.explaining import record_in
from nova_core.server.logs import set_up_logging
from nova_core.server.pulse import show_stack_when_asked
from nova_core.server.recording import recording
from nova_core.server.reload import Reloader
from nova_core.server.running import GatewayServer, loop_factory, server_for
from nova_core.server.serving import Serving
from nova_core.server.shared_store import ParentLink
from nova_core.server.startup import ServeOptions, raise_file_limit, runtime_of, tls_for
from nova_core.stores import RemoteState, SharedState
from nova_core.types.principal import Principal

FAILED = 1
PARENT_BUDGET = 1.0
"""Seconds to wait for the parent: it is late only when this machine is busy, and then so is everything."""


class Worker:
    """One worker's conversation with the parent."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._asked: dict[int, asyncio.Future[list[str]]] = {}
        self._wanted: dict[int, asyncio.Future[bytes | None]] = {}
        self._numbers = itertools.count()
        self._reloads: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Serve until told to stop, or until the parent is gone; answers the exit code."""
        first = await self._channel.receive()
        if first is None:
            return FAILED
        show_stack_when_asked()
        _, options, loaded, descriptors, shared = first
        state = RemoteState(ParentLink(socket.socket(fileno=shared)), budget=PARENT_BUDGET)
        log = set_up_logging(read_settings(loaded), level=options.log_level)
        try:
            return await self._serve(options, loaded, [socket.socket(fileno=number) for number in descriptors], state)
        finally:
            log.close()

    async def _serve(
        self, options: ServeOptions, loaded: LoadedConfig, sockets: list[socket.socket], state: SharedState
    ) -> int:
        runtime = runtime_of(loaded, options)
        gateway = Gateway(runtime, shared_state=state)
        reloader = Reloader(gateway, options)
        app = create_app(gateway, reload=self._ask_parent, root_path=options.root_path, ask_others=self._ask_others)

        async def say_ready() -> None:
            self._channel.send("ready")

        server = server_for(app, tls=tls_for(runtime.settings, options), started=say_ready)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a terminal signals the whole group; the parent decides
        listening = asyncio.create_task(self._listen(server, reloader, app.serving))
        try:
            with recording(gateway, options):
                await server.run_on(sockets)
        finally:
            listening.cancel()
        return 0

    async def _listen(self, server: GatewayServer, reloader: Reloader, serving: Serving) -> None:
        while True:
            match await self._channel.receive():
                case ("reload", loaded):
                    task = asyncio.create_task(self._reload(reloader, loaded))
                    self._reloads.add(task)
                    task.add_done_callback(self._reloads.discard)
                case ("reload_done", number, problem, notes):
                    self._answered(number, problem, notes)
                case ("why", number, call_id, principal_id, admin):
                    principal = Principal(principal_id, admin=admin)
                    self._channel.send("because", number, record_in(serving, call_id, principal))
                case ("why_done", number, content):
                    if (wanted := self._wanted.get(number)) is not None and not wanted.done():
                        wanted.set_result(content)
                case ("turn",):
                    self._channel.send("turned")
                case ("stop",):
                    server.stop()
                case None:
                    server.stop()
                    return

    async def _reload(self, reloader: Reloader, loaded: LoadedConfig) -> None:
        try:
            notes = await reloader.use(loaded)
        except NovaError as error:
            self._channel.send("reloaded", error.message, [])
            return
        self._channel.send("reloaded", None, notes)

    async def _ask_parent(self) -> list[str]:
        """`POST /config/reload` reached this worker: every worker reloads. Raises ConfigurationError."""
        number = next(self._numbers)
        self._asked[number] = asyncio.get_running_loop().create_future()
        self._channel.send("wants_reload", number)
        try:
            return await self._asked[number]
        finally:
            del self._asked[number]

    async def _ask_others(self, call_id: str, principal: Principal) -> bytes | None:
        """The record of a call that another worker has served; the parent answers in any case."""
        number = next(self._numbers)
        self._wanted[number] = asyncio.get_running_loop().create_future()
        self._channel.send("wants_why", number, call_id, principal.id, principal.admin)
        try:
            return await self._wanted[number]
        finally:
            del self._wanted[number]

    def _answered(self, number: int, problem: str | None, notes: list[str]) -> None:
        waiting = self._asked.get(number)
        if waiting is None or waiting.done():
            return
        if problem is None:
            waiting.set_result(notes)
        else:
            waiting.set_exception(ConfigurationError(problem))


async def _main(descriptor: int) -> int:
    channel = await Channel.over(socket.socket(fileno=descriptor))
    return await Worker(channel).run()


def main(descriptor: int) -> int:
    """Run the worker whose end of the channel is file `descriptor`."""
    raise_file_limit()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_main(descriptor))
