"""A worker process: serves on the parent's sockets, reloads and stops when the parent says so."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sys

from nova_core.config.check import read_settings
from nova_core.config.loader import LoadedConfig
from nova_core.errors import ConfigurationError, NovaError
from nova_core.gateway.gateway import Gateway
from nova_core.server.app import create_app
from nova_core.server.channel import Channel
from nova_core.server.logs import set_up_logging
from nova_core.server.reload import Reloader
from nova_core.server.running import GatewayServer, loop_factory, server_for
from nova_core.server.startup import ServeOptions, raise_file_limit, runtime_of, tls_for

FAILED = 1


class Worker:
    """One worker's conversation with the parent."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._asked: dict[int, asyncio.Future[list[str]]] = {}
        self._numbers = itertools.count()
        self._reloads: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Serve until told to stop, or until the parent is gone; answers the exit code."""
        first = await self._channel.receive()
        if first is None:
            return FAILED
        _, options, loaded, descriptors = first
        log = set_up_logging(read_settings(loaded), level=options.log_level)
        try:
            return await self._serve(options, loaded, [socket.socket(fileno=number) for number in descriptors])
        finally:
            log.close()

    async def _serve(self, options: ServeOptions, loaded: LoadedConfig, sockets: list[socket.socket]) -> int:
        runtime = runtime_of(loaded, options)
        gateway = Gateway(runtime)
        reloader = Reloader(gateway, options)
        app = create_app(gateway, reload=self._ask_parent, root_path=options.root_path)

        async def say_ready() -> None:
            self._channel.send("ready")

        server = server_for(app, tls=tls_for(runtime.settings, options), started=say_ready)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a terminal signals the whole group; the parent decides
        listening = asyncio.create_task(self._listen(server, reloader))
        try:
            await server.run_on(sockets)
        finally:
            listening.cancel()
        return 0

    async def _listen(self, server: GatewayServer, reloader: Reloader) -> None:
        while True:
            match await self._channel.receive():
                case ("reload", loaded):
                    task = asyncio.create_task(self._reload(reloader, loaded))
                    self._reloads.add(task)
                    task.add_done_callback(self._reloads.discard)
                case ("reload_done", number, problem, notes):
                    self._answered(number, problem, notes)
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


if __name__ == "__main__":
    code = main(int(sys.argv[1]))
    sys.stdout.flush()
    os._exit(code)  # threads of plugins must not keep a drained worker alive
