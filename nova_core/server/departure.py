"""Notices that a caller has left, and cancels the work that is done for it."""

from __future__ import annotations

import asyncio
from typing import Any

from nova_core.server.body import Receive


class Departure:
    """Watches a connection while the current task works for it; `gone` says that the caller left.

    Use as a context manager around the work; leaving cancels the task that entered it.
    """

    def __init__(self, receive: Receive) -> None:
        self.gone = False
        self._receive = receive
        self._worker: asyncio.Task[Any] | None = None
        self._watch: asyncio.Task[None] | None = None

    def __enter__(self) -> Departure:
        self._worker = asyncio.current_task()
        self._watch = asyncio.get_running_loop().create_task(self._until_gone())
        return self

    def __exit__(self, *_: object) -> None:
        if self._watch is not None:
            self._watch.cancel()

    def absorb(self) -> bool:
        """Whether a cancellation that just arrived was this one; if so it is taken back."""
        if self.gone and self._worker is not None:
            self._worker.uncancel()
        return self.gone

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
        self.gone = True
        if self._worker is not None:
            self._worker.cancel("the caller left")
