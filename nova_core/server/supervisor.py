"""The parent of several workers: starts them, restarts crashed ones, and tells all of them to reload or stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Coroutine
from typing import Any

from nova_core.config.loader import LoadedConfig
from nova_core.config.sections import Limits
from nova_core.errors import ConfigurationError
from nova_core.server.channel import Channel
from nova_core.server.inquiries import Inquiries
from nova_core.server.listening import connect_no_more
from nova_core.server.metrics import SHARED_FOLDER, forget_process
from nova_core.server.pulse import Pulse
from nova_core.server.reload import reload_and_log, watch_files
from nova_core.server.shared_store import SharedStore
from nova_core.server.startup import ServeOptions, load_config, runtime_of

logger = logging.getLogger("nova.server")

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
RELOAD_SECONDS = 60.0
LATE_SECONDS = 15.0
HEED_SECONDS = 1.0
"""How long a worker that hangs has to heed SIGTERM: only one whose loop turns again can."""
FAILED = 1


class WorkerProcess:
    """One running worker, as the parent sees it."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.process = process
        self.channel = channel
        self.pulse = Pulse(lambda: channel.send("turn"))
        self.started = time.monotonic()
        self.ready = False
        self.reloaded: asyncio.Future[tuple[str | None, list[str]]] | None = None


class Supervisor:
    """Owns the listening sockets, the checked configuration, and the workers."""

    def __init__(
        self,
        options: ServeOptions,
        loaded: LoadedConfig,
        limits: Limits,
        sockets: list[socket.socket],
        lines: list[str],
    ) -> None:
        self._options = options
        self._loaded = loaded
        self._limits = limits
        self._sockets = sockets
        self._lines = lines
        self._workers: dict[int, WorkerProcess] = {}
        self._stopping = asyncio.Event()
        self._announced = False
        self._failed = False
        self._reload_lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._shared = SharedStore()
        self._inquiries = Inquiries()

    async def run(self) -> int:
        """Until SIGTERM or SIGINT; answers the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._own(reload_and_log(self.reload)))
        folder = None if os.environ.get(SHARED_FOLDER) else tempfile.mkdtemp(prefix="nova-metrics-")
        if folder is not None:
            os.environ[SHARED_FOLDER] = folder
        if self._options.reload_config:
            self._own(watch_files(lambda: self._loaded.files, lambda: reload_and_log(self.reload)))
        try:
            await asyncio.gather(*(self._keep_running(number) for number in range(self._options.workers)))
        finally:
            for task in self._tasks:
                task.cancel()
            await self._shared.aclose()
            if folder is not None:
                del os.environ[SHARED_FOLDER]
                shutil.rmtree(folder, ignore_errors=True)
        return FAILED if self._failed else 0

    async def reload(self) -> list[str]:
        """Check the file once, then have every worker use it. Raises ConfigurationError."""
        async with self._reload_lock:
            loaded = await asyncio.to_thread(load_config, self._options)
            runtime = await asyncio.to_thread(runtime_of, loaded, self._options)
            self._loaded, self._limits = loaded, runtime.settings.general.limits
            answers = await asyncio.gather(*(self._reload(worker, loaded) for worker in self._workers.values()))
        problems = [problem for problem, _ in answers if problem is not None]
        if problems:
            raise ConfigurationError("\n".join(dict.fromkeys(problems)))
        return answers[0][1] if answers else []

    async def _reload(self, worker: WorkerProcess, loaded: LoadedConfig) -> tuple[str | None, list[str]]:
        worker.reloaded = asyncio.get_running_loop().create_future()
        worker.channel.send("reload", loaded)
        try:
            async with asyncio.timeout(RELOAD_SECONDS):
                return await worker.reloaded
        except TimeoutError:
            return f"worker {worker.process.pid} did not reload within {RELOAD_SECONDS:g} seconds", []
        finally:
            worker.reloaded = None

    def _stop(self) -> None:
        """Nobody accepts any more; workers finish what runs. The second time they are killed."""
        connect_no_more(self._sockets)
        for sock in self._sockets:
            sock.close()
        again = self._stopping.is_set()
        self._stopping.set()
        for worker in self._workers.values():
            if again:
                worker.process.kill()
            else:
                worker.channel.send("stop")

    async def _keep_running(self, number: int) -> None:
        """Worker `number`, again and again until the gateway stops."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            worker = await self._start(number)
            code = await self._attend(number, worker)
            if self._stopping.is_set():
                return
            if not self._announced and not worker.ready:
                logger.error("worker %d could not start (exit code %s)", number, code)
                self._failed = True
                self._stop()
                return
            pause = FIRST_PAUSE if time.monotonic() - worker.started > STEADY_SECONDS else pause
            logger.error("worker %d ended with code %s; it is started again in %.1f s", number, code, pause)
            await self._pause(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _start(self, number: int) -> WorkerProcess:
        ours, theirs = socket.socketpair()
        shared_end = await self._shared.connect()
        shared = shared_end.fileno()
        descriptors = [sock.fileno() for sock in self._sockets]
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "nova_core.server", str(theirs.fileno()),
                pass_fds=(theirs.fileno(), shared, *descriptors),
            )  # fmt: skip
        finally:
            theirs.close()
            shared_end.close()
        worker = WorkerProcess(process, await Channel.over(ours))
        worker.channel.send("start", self._options, self._loaded, descriptors, shared)
        self._workers[number] = worker
        if self._stopping.is_set():
            worker.channel.send("stop")
        return worker

    async def _attend(self, number: int, worker: WorkerProcess) -> int:
        """Listen to a worker until it ends; answers its exit code."""
        listening = asyncio.create_task(self._listen(worker))
        ending = asyncio.create_task(worker.process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        hanging = asyncio.create_task(worker.pulse.stopped(lambda: self._limits.hang_seconds * worker.ready))
        try:
            await asyncio.wait((ending, stopping, hanging), return_when=asyncio.FIRST_COMPLETED)
            if hanging.done() and not ending.done():
                await self._end_hanging(number, worker, ending)
            if not ending.done():
                await asyncio.wait((ending,), timeout=self._limits.drain_seconds + LATE_SECONDS)
            if not ending.done():
                worker.process.kill()
            return await ending
        finally:
            listening.cancel()
            stopping.cancel()
            hanging.cancel()
            self._let_go(number, worker)

    async def _end_hanging(self, number: int, worker: WorkerProcess, ending: asyncio.Task[int]) -> None:
        """Say where it stands, and end it. One whose loop turns again by then may drain."""
        logger.error(
            "worker %d (process %d) hangs: its event loop has not turned for %g s; where it stands follows",
            number, worker.process.pid, self._limits.hang_seconds,
        )  # fmt: skip
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            worker.process.send_signal(signal.SIGUSR1)
            worker.process.terminate()
            await asyncio.wait((ending,), timeout=HEED_SECONDS)
            if not ending.done() and not worker.pulse.is_back:
                worker.process.kill()

    def _let_go(self, number: int, worker: WorkerProcess) -> None:
        if self._workers.get(number) is worker:
            del self._workers[number]
        if worker.reloaded is not None and not worker.reloaded.done():
            worker.reloaded.set_result((None, []))  # its successor starts with the new configuration
        worker.channel.close()
        forget_process(worker.process.pid)

    async def _listen(self, worker: WorkerProcess) -> None:
        while (message := await worker.channel.receive()) is not None:
            match message:
                case ("ready",):
                    worker.ready = True
                    self._announce()
                case ("turned",):
                    worker.pulse.answered()
                case ("reloaded", problem, notes):
                    if worker.reloaded is not None and not worker.reloaded.done():
                        worker.reloaded.set_result((problem, notes))
                case ("wants_reload", number):
                    self._own(self._reload_for(worker, number))
                case ("wants_why", number, *question):
                    self._own(self._ask_others(worker, number, question))
                case ("because", number, content):
                    self._inquiries.answered(number, content)

    async def _reload_for(self, worker: WorkerProcess, number: int) -> None:
        try:
            notes = await self.reload()
        except ConfigurationError as error:
            worker.channel.send("reload_done", number, error.message, [])
            return
        worker.channel.send("reload_done", number, None, notes)

    async def _ask_others(self, worker: WorkerProcess, number: int, question: list[str | bool]) -> None:
        others = [each.channel for each in self._workers.values() if each is not worker and each.ready]
        worker.channel.send("why_done", number, await self._inquiries.ask(others, *question))

    def _announce(self) -> None:
        """Once, when all workers are ready."""
        ready = sum(worker.ready for worker in self._workers.values())
        if not self._announced and ready == self._options.workers:
            self._announced = True
            print("\n".join(self._lines), flush=True)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
