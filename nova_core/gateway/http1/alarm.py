"""Deadlines that nearly always are kept, and therefore should cost next to nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

# Timers of event loops may be early by their resolution.
EARLY = 0.001


class Alarm:
    """Rings once at its deadline, in seconds of the loop's clock, unless the deadline is changed or cleared before.

    The loop's timer is set anew only when a deadline comes before the one it is set to. Otherwise it goes off too
    early, and is set anew then: a wait that ends in time, which is nearly every one, touches no timer at all.
    """

    __slots__ = ("_deadline", "_loop", "_ring", "_timer", "_timer_at")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring: Callable[[], None] | None = ring
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self._deadline = math.inf

    def set(self, deadline: float) -> None:
        """Ring at `deadline`, and at no other time."""
        self._deadline = deadline
        if deadline < self._timer_at:
            self._arm(deadline)

    def put_off(self, seconds: float) -> None:
        """Ring so many seconds from now."""
        deadline = self._deadline = self._loop.time() + seconds
        if deadline < self._timer_at:
            self._arm(deadline)

    def clear(self) -> None:
        """Do not ring."""
        self._deadline = math.inf

    def end(self) -> None:
        """Never ring again, and hold on to nothing."""
        self._deadline = math.inf
        self._ring = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        if self._deadline == math.inf:
            return
        if self._deadline - self._loop.time() > EARLY:
            self._arm(self._deadline)
        elif self._ring is not None:
            self._deadline = math.inf
            self._ring()
