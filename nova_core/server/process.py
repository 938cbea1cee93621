"""`serve`: one process, or a parent with workers, from the options of the command line to the exit code."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace

from nova_core.errors import ConfigurationError
from nova_core.gateway.check import startup_notes
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.runtime import Runtime
from nova_core.server.app import create_app
from nova_core.server.listening import connect_no_more, listen
from nova_core.server.logs import set_up_logging
from nova_core.server.recording import recording
from nova_core.server.reload import Reloader, reload_and_log, watch_files
from nova_core.server.running import config_files, loop_factory, server_for
from nova_core.server.serving import compile_edge
from nova_core.server.startup import (
    LOOPBACK,
    ServeOptions,
    Tls,
    host_for,
    load_config,
    load_environment,
    raise_file_limit,
    runtime_of,
    settle_memory,
    tls_for,
)

__all__ = ["ServeOptions", "serve"]

FAILED = 1


def serve(options: ServeOptions) -> int:
    """Serve until SIGTERM or SIGINT; answers the exit code. Problems of the configuration go to standard error."""
    try:
        load_environment(options)
        loaded = load_config(options)
        runtime = runtime_of(loaded, options)
        tls = tls_for(runtime.settings, options)
        # From here on the host is fixed: a reload must not open a gateway that listens on every address.
        options = replace(options, host=host_for(compile_edge(runtime), options))
        sockets = listen(options.host or LOOPBACK, options.port)
    except ConfigurationError as error:
        print(error.message, file=sys.stderr)
        return FAILED
    raise_file_limit()
    log = set_up_logging(runtime.settings, level=options.log_level)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            lines = list(banner(runtime, sockets, tls, options))
            if options.workers > 1:
                from nova_core.server.supervisor import Supervisor  # what one process alone has no use for

                settle_memory()
                limits = runtime.settings.general.limits
                return runner.run(Supervisor(options, loaded, limits, sockets, lines).run())
            return runner.run(_serve_here(options, runtime, sockets, tls, lines))
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else FAILED
    finally:
        log.close()


def banner(runtime: Runtime, sockets: list[socket.socket], tls: Tls | None, options: ServeOptions) -> Iterator[str]:
    """What is said once the gateway is ready: where it is, what it serves, and what the operator should know."""
    for sock in sockets:
        yield f"nova is ready on {'https' if tls else 'http'}://{_shown(sock)}"
    if compile_edge(runtime).keyring.is_open:
        yield "No master key: everybody on this machine may call, and nobody else (loopback only)."
    if options.workers > 1:
        yield f"Workers: {options.workers}"
    served = [
        name
        for name, members in runtime.catalog.groups.items()
        if any(deployment.id not in runtime.catalog.unserved for deployment in members)
    ]
    yield f"Models: {', '.join(served) or 'none'}"
    yield from startup_notes(runtime)


def _shown(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _serve_here(
    options: ServeOptions, runtime: Runtime, sockets: list[socket.socket], tls: Tls | None, lines: list[str]
) -> int:
    gateway = Gateway(runtime)
    reloader = Reloader(gateway, options)
    app = create_app(gateway, reload=reloader, root_path=options.root_path)

    async def say_ready() -> None:
        print("\n".join(lines), flush=True)

    server = server_for(app, tls=tls, started=say_ready)
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def hang_up() -> None:
        task = loop.create_task(reload_and_log(reloader))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def stop() -> None:
        connect_no_more(sockets)
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    if options.reload_config:
        tasks.add(loop.create_task(watch_files(lambda: config_files(app), lambda: reload_and_log(reloader))))
    try:
        with recording(gateway, options):
            await server.run_on(sockets)
    finally:
        for task in tasks:
            task.cancel()
    return 0
