"""One thread that runs a model's jobs in order, with a bound on how many may wait."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from nova_plugin_local.errors import EngineBusyError, EngineClosedError

T = TypeVar("T")


class Worker:
    """Owns one thread. Works from any number of event loops; the thread starts with the first job."""

    def __init__(self, name: str, *, max_waiting: int) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._max_waiting = max_waiting
        self._admitted = 0
        self._closed = False
        self._lock = threading.Lock()

    @property
    def admitted(self) -> int:
        """Jobs running or waiting."""
        return self._admitted

    def submit(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Queues `job`; cancelling the future removes a job that has not begun, and does not stop one that has.

        Raises EngineBusyError when `max_waiting` jobs wait already, EngineClosedError after `close`.
        """
        with self._lock:
            if self._closed:
                raise EngineClosedError("the local model was closed")
            if self._admitted > self._max_waiting:
                raise EngineBusyError(self._max_waiting)
            self._admitted += 1
            future = self._executor.submit(job)
        future.add_done_callback(self._release)
        return asyncio.wrap_future(future)

    async def run(self, job: Callable[[], T]) -> T:
        """Queues `job` and waits for its answer."""
        return await self.submit(job)

    async def close(self, last: Callable[[], None]) -> None:
        """Drops what waits, lets the running job end, then runs `last`, once and off the loop."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        # Waiting jobs are cancelled here, and the thread that waits for the running one is not the loop's.
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(last)

    def _release(self, _: Future[T]) -> None:
        with self._lock:
            self._admitted -= 1


def default_threads() -> int:
    """Half of the cores this process may use: the event loop and its neighbours need the rest."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // 2)
