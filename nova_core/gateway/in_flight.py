"""How many calls run on each generation of the configuration, and when the last of one is over."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict

from nova_core.gateway.runtime import Runtime

logger = logging.getLogger("nova.gateway")


class InFlight:
    """Counts calls by generation."""

    __slots__ = ("_counts", "_idle")

    def __init__(self) -> None:
        self._counts: defaultdict[int, int] = defaultdict(int)
        self._idle: dict[int, asyncio.Event] = {}

    def __len__(self) -> int:
        return sum(self._counts.values())

    def enter(self, runtime: Runtime) -> None:
        """A call begins."""
        self._counts[id(runtime)] += 1

    def leave(self, runtime: Runtime) -> None:
        """A call is over."""
        key = id(runtime)
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
            return
        del self._counts[key]
        idle = self._idle.pop(key, None)
        if idle is not None:
            idle.set()

    async def until_idle(self, runtime: Runtime, seconds: float | None) -> None:
        """Wait for the last call of a generation, for up to so many seconds."""
        if id(runtime) not in self._counts:
            return
        idle = self._idle.setdefault(id(runtime), asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await idle.wait()
        except TimeoutError:
            logger.warning("%d calls were still running after %s seconds", len(self), seconds)
