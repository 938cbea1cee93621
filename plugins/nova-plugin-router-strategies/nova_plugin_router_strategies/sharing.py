"""What other workers and replicas have seen: told and asked in the background, so that no call waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from nova_core.stores import Lease, Reading, SharedState, Taken, View
from nova_plugin_router_strategies.meters import MINUTE, Busy, Usage
from nova_plugin_router_strategies.ranking import NOTHING, Used

REFRESH_SECONDS = 0.2
BUSY, REQUESTS, TOKENS = "busy:", "used-requests:", "used-tokens:"

Spawn = Callable[[Coroutine[Any, Any, None], str], None]


class Running:
    """One attempt that others are told of, `told` counts those. It may end before the telling has."""

    __slots__ = ("_id", "_over", "_state", "_taken", "_told")

    def __init__(self, state: SharedState, told: Busy, id: str) -> None:
        self._state = state
        self._told = told
        self._id = id
        self._taken: Taken | None = None
        self._over = False

    async def begin(self) -> None:
        """Tell that it runs."""
        if self._over:
            return
        self._told.begin(self._id)
        taken = await self._state.take((Lease(BUSY + self._id),))
        self._taken = taken if isinstance(taken, Taken) else None
        self._settle_if_over()

    def end(self) -> None:
        """It runs no more."""
        self._over = True
        self._settle_if_over()

    def _settle_if_over(self) -> None:
        if self._over and self._taken is not None:
            self._told.end(self._id)
            self._state.settle(self._taken)


class Others:
    """The counts of all, as far as they were told: what was last looked up, and what changed here since."""

    def __init__(self, state: SharedState, spawn: Spawn, busy: Busy, usage: Usage) -> None:
        self._state = state
        self._spawn = spawn
        self._busy = busy
        self._usage = usage
        self._told = Busy()
        self._readings: dict[str, Reading] = {}
        self._asked: dict[str, float] = {}
        self._views: dict[str, tuple[View, Mapping[str, int], Mapping[str, Used]]] = {}

    @property
    def are_there(self) -> bool:
        """Whether anybody else sees the state."""
        return self._state.is_shared

    def begin(self, id: str) -> Running:
        """Tell of an attempt."""
        running = Running(self._state, self._told, id)
        self._spawn(running.begin(), "tell of a running attempt")
        return running

    def add(self, id: str, requests: int, tokens: int) -> None:
        """Tell of usage."""
        if requests:
            self._state.count(REQUESTS + id, requests, MINUTE)
        if tokens:
            self._state.count(TOKENS + id, tokens, MINUTE)

    def refresh(self, group: str, ids: Iterable[str]) -> None:
        """See to it that what is known of a group is of the last moments."""
        now = time.monotonic()
        if now - self._asked.get(group, 0.0) < REFRESH_SECONDS:
            return
        self._asked[group] = now
        names = tuple(ids)
        reading = self._readings.get(group)
        if reading is None or len(reading.leases) != len(names):
            windows = tuple(prefix + id for id in names for prefix in (REQUESTS, TOKENS))
            reading = self._readings[group] = Reading(windows=windows, leases=tuple(BUSY + id for id in names))
        self._spawn(self._look(group, reading), "look up what others use")

    def busy(self, group: str, ids: Iterable[str]) -> dict[str, int]:
        """Calls that run, here and elsewhere."""
        own = self._busy.counts
        known = self._views.get(group)
        if known is None or not self.are_there:
            return own.copy()
        view, told_then, _ = known
        found: dict[str, int] = {}
        for id in ids:
            here = own.get(id, 0)
            elsewhere = max(0, view.leases.get(BUSY + id, 0) - told_then.get(id, 0))
            if here or elsewhere:
                found[id] = here + elsewhere
        return found

    def used(self, group: str, ids: Iterable[str]) -> dict[str, Used]:
        """Usage of the minute, here and elsewhere."""
        known = self._views.get(group)
        if known is None or not self.are_there:
            return self._usage.current()
        view, _, used_then = known
        found: dict[str, Used] = {}
        for id in ids:
            requests, tokens = self._usage.totals.get(id, NOTHING)
            requests_then, tokens_then = used_then.get(id, NOTHING)
            requests += view.windows.get(REQUESTS + id, 0) - requests_then
            tokens += view.windows.get(TOKENS + id, 0) - tokens_then
            if requests or tokens:
                found[id] = requests, tokens
        return found

    async def _look(self, group: str, reading: Reading) -> None:
        told, used = self._told.counts.copy(), self._usage.totals.copy()
        self._views[group] = await self._state.look(reading), told, used
