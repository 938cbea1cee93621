"""A worker's event loop is taken to stand still when it does, and not when nobody could have turned."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from nova_core.server.pulse import Pulse

LIMIT = 0.15


class Side:
    """A worker that answers, as long as it turns."""

    def __init__(self) -> None:
        self.turns = True
        self.asked = 0
        self.pulse = Pulse(self._ask)

    def _ask(self) -> None:
        self.asked += 1
        if self.turns:
            asyncio.get_running_loop().call_soon(self.pulse.answered)


@asynccontextmanager
async def watched(side: Side, seconds: Callable[[], float] = lambda: LIMIT) -> AsyncIterator[asyncio.Task[None]]:
    watching = asyncio.create_task(side.pulse.stopped(seconds))
    try:
        yield watching
    finally:
        watching.cancel()


def suspend(seconds: float) -> None:
    """Nothing of this process runs meanwhile."""
    time.sleep(seconds)


async def test_a_loop_that_turns_is_asked_again_and_again() -> None:
    side = Side()
    async with watched(side) as watching:
        await asyncio.sleep(LIMIT * 2)
        assert not watching.done()
    assert side.asked > 5


async def test_one_that_stands_still_is_given_its_time_and_no_more() -> None:
    side = Side()
    async with watched(side) as watching:
        await asyncio.sleep(LIMIT / 2)
        side.turns, begun = False, time.monotonic()
        async with asyncio.timeout(5):
            await watching
    assert time.monotonic() - begun > LIMIT * 0.8
    assert not side.pulse.is_back


async def test_a_machine_that_was_suspended_makes_nobody_late() -> None:
    side = Side()
    async with watched(side) as watching:
        for _ in range(3):
            await asyncio.sleep(LIMIT / 4)
            suspend(LIMIT * 1.2)
        assert not watching.done()


async def test_who_is_not_to_be_watched_is_not_asked() -> None:
    side = Side()
    side.turns = False
    async with watched(side, lambda: 0.0) as watching:
        await asyncio.sleep(LIMIT)
        assert (side.asked, watching.done()) == (0, False)
