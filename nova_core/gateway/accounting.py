"""What is written down when a call is over: usage, cost, decision; observers run off the caller's path."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any

from nova_core.errors import NovaError
from nova_core.plugins.compiler import Step
from nova_core.types.call import Call, CallRecord
from nova_core.types.decision import NO_GENERATION, Generation
from nova_core.types.prices import UNPRICED

logger = logging.getLogger("nova.gateway")

Watcher = Callable[[CallRecord], None]
MAX_BACKGROUND = 10_000


def record_of(
    call: Call, *, status: int, error: NovaError | None, streamed: bool, generation: Generation = NO_GENERATION
) -> CallRecord:
    """The record of a call that is over now."""
    return CallRecord(
        call=call,
        status=status,
        seconds=time.monotonic() - call.started,
        upstream_seconds=call.upstream_seconds,
        usage=call.usage,
        cost=cost_of(call),
        error=error,
        streamed=streamed,
        generation=generation,
    )


def cost_of(call: Call) -> Decimal | None:
    """US dollars of the call at its deployment's prices; None when prices or usage are unknown.

    A call without a deployment of its own that ran child calls costs what those cost that asked one.
    """
    if call.deployment is None:
        costs = [cost_of(child) for child in call.children if child.attempts or child.children]
        known = [cost for cost in costs if cost is not None]
        return sum(known, Decimal(0)) if known and len(known) == len(costs) else None
    usage, prices = call.usage, call.deployment.facts.prices
    if usage is None or prices is UNPRICED:
        return None
    costed = call.costed
    if costed is None or costed[0] is not usage or costed[1] is not call.deployment:
        costed = call.costed = (usage, call.deployment, prices.cost(usage))
    return costed[2]


class Background:
    """Owned background work: bounded, cancelled and awaited at the end, errors logged by name."""

    def __init__(self, limit: int = MAX_BACKGROUND) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._limit = limit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._untold: list[tuple[Sequence[Step], tuple[Any, ...]]] = []

    def tell(self, steps: Sequence[Step], *args: Any) -> None:
        """Call observers soon, one after the other, off the path of whoever is being served."""
        self._untold.append((steps, args))
        if len(self._untold) > 1:
            return
        loop = self._loop
        if loop is None:  # asking for the running loop is a system call, and a gateway lives in one loop
            loop = self._loop = asyncio.get_running_loop()
        loop.call_soon(self._tell_all)

    def _tell_all(self) -> None:
        """What has come together in one round of the loop is told in the next."""
        untold, self._untold = self._untold, []
        for steps, args in untold:
            for place, step in enumerate(steps):
                if step.is_async:
                    self.spawn(tell(steps[place:], *args), name=step.hook)
                    break
                try:
                    step.call(*args)
                except Exception:
                    logger.exception("plugin '%s': %s raised; the call is not affected", step.plugin, step.hook)

    def spawn(self, work: Awaitable[object], *, name: str) -> None:
        """Start `work` as an owned task. Over the bound it is dropped, with a line in the log."""
        if len(self._tasks) >= self._limit:
            logger.error("background work '%s' dropped: %d tasks are waiting already", name, len(self._tasks))
            if isinstance(work, Coroutine):
                work.close()
            return
        task = asyncio.ensure_future(_awaited(work))
        task.set_name(name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def drain(self, seconds: float) -> None:
        """Let running work finish for up to `seconds`, then cancel and await the rest."""
        await asyncio.sleep(0)  # what was to be done soon is done now
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("background work '%s' failed", task.get_name(), exc_info=task.exception())


async def _awaited(work: Awaitable[object]) -> object:
    return await work


def tell_at_once(steps: Sequence[Step], *args: Any) -> None:
    """Call plain observers, one after the other, before going on; one that raises is logged and changes nothing."""
    for step in steps:
        try:
            step.call(*args)
        except Exception:
            logger.exception("plugin '%s': %s raised; the call is not affected", step.plugin, step.hook)


async def tell(steps: Sequence[Step], *args: Any) -> None:
    """Call observers one after the other; an observer that raises is logged and changes nothing."""
    for step in steps:
        try:
            await step.ask(*args)
        except Exception:
            logger.exception("plugin '%s': %s raised; the call is not affected", step.plugin, step.hook)


async def ask_call_failed(steps: Sequence[Step], call: Call, error: NovaError) -> NovaError:
    """The error to answer after every plugin's say."""
    for step in steps:
        try:
            said = await step.ask(call, error)
        except Exception:
            logger.exception("plugin '%s': call_failed raised; the call's own error is answered", step.plugin)
            continue
        if isinstance(said, NovaError):
            error = said
    return error
