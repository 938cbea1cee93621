"""A way to whoever holds the truth, and batches of operations sent over it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from nova_core.stores.operations import Answer, Operation

T = TypeVar("T")

GRACE = 0.2


class LinkLostError(Exception):
    """The truth is out of reach. The text says why, without secrets; the other end may have heard or not."""


class Link(Protocol):
    """One connection, used by one owner: never two exchanges at a time. Deadlines are the owner's."""

    @property
    def name(self) -> str:
        """Where it leads, for logs: no secrets."""
        ...

    async def open(self) -> None:
        """Connect, also after having been closed. Raises LinkLostError."""
        ...

    async def exchange(self, operations: Sequence[Operation]) -> Sequence[Answer]:
        """Carry out operations in order, each of them whole; their answers. Raises LinkLostError."""
        ...

    async def close(self) -> None:
        """Let go. Raises nothing."""
        ...


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What the work answers. Raises LinkLostError when that takes longer, and cancels it."""
    task = asyncio.ensure_future(work)
    try:
        if not await finished(task, seconds):
            raise LinkLostError(f"no answer within {seconds * 1000:.0f} ms")
        return task.result()
    finally:
        abandon(task)


async def finished(task: asyncio.Task[Any], seconds: float) -> bool:
    """Whether the task ends within this time.

    A fifth of the time is kept back: if this loop was busy for longer than an answer took, what has arrived
    meanwhile is read before anything is given up.
    """
    done, _ = await asyncio.wait((task,), timeout=seconds * (1 - GRACE))
    if not done:
        done, _ = await asyncio.wait((task,), timeout=seconds * GRACE)
    return bool(done)


def abandon(task: asyncio.Task[Any]) -> None:
    """Cancel what still runs; what it says then interests nobody."""
    if not task.done():
        task.add_done_callback(_read)
        task.cancel()


def _read(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
