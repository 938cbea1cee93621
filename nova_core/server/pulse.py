"""Whether a worker's event loop turns: the parent asks now and then, and the worker answers from its loop."""

from __future__ import annotations

import asyncio
import faulthandler
import signal
from collections.abc import Callable

ASKED = 10
"""How often the parent asks in the seconds that a worker's loop may stand still."""
OFF_SECONDS = 1.0
"""How long until a parent that need not ask looks again whether it has to."""


class Pulse:
    """One worker's.

    Silence is counted in turns of the parent's own loop, not by a clock: neither a machine that was suspended nor a
    parent that could not run itself makes a worker late.
    """

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._is_asked = False

    def answered(self) -> None:
        """Its loop has turned since it was asked."""
        self._is_asked = False

    @property
    def is_back(self) -> bool:
        """Whether it has answered all that it was asked."""
        return not self._is_asked

    async def stopped(self, seconds: Callable[[], float]) -> None:
        """Until its loop has stood still for so many seconds, which may change; it is not asked while they are 0."""
        silent = 0
        while silent < ASKED:
            limit = seconds()
            if limit and not self._is_asked:
                self._is_asked, silent = True, 0
                self._ask()
            await asyncio.sleep(limit / ASKED or OFF_SECONDS)
            silent = silent + 1 if limit and self._is_asked else 0


def show_stack_when_asked() -> None:
    """Have SIGUSR1 write to standard error where each thread of this process stands, even one that never ends."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)
