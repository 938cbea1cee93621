"""Waiting for leases that others hold, in the order of asking."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from nova_core.stores.claims import Claim, Lease, Refused, Taken
from nova_core.stores.protocols import SharedState

POLL_SECONDS = 0.05
MOST_WAITING = 10_000


class Turns:
    """Takes from a shared state; whoever finds a lease refused waits for it, first come, first served.

    Only leases are waited for: a window says itself when it is over. Who waits is woken by what is settled or
    released here, and asks every `poll` seconds for what others gave back; only the first in line asks. At most
    `most` wait for one lease.
    """

    def __init__(self, state: SharedState, *, poll: float = POLL_SECONDS, most: int = MOST_WAITING) -> None:
        self._state = state
        self._poll = poll
        self._most = most
        self._lines: dict[str, deque[asyncio.Event]] = {}

    def waiting(self, key: str) -> int:
        """How many wait for the lease."""
        return len(self._lines.get(key, ()))

    async def take(self, claims: Sequence[Claim], *, seconds: float) -> Taken | Refused:
        """All claims at once, within this time; else why not, at last."""
        ends = asyncio.get_running_loop().time() + seconds
        behind = next((claim for claim in claims if isinstance(claim, Lease) and claim.key in self._lines), None)
        if behind is None:
            answer = await self._state.take(claims)
            if not _is_busy(answer):
                return answer
        else:
            answer = Refused(behind, behind.limit or 0, 0.0)
        line = self._lines.setdefault(answer.claim.key, deque())
        if len(line) >= self._most:
            return answer
        turn = asyncio.Event()
        line.append(turn)
        try:
            return await self._wait(claims, answer, line, ends)
        finally:
            line.remove(turn)
            if line:
                line[0].set()
            else:
                del self._lines[answer.claim.key]

    async def _wait(
        self, claims: Sequence[Claim], answer: Taken | Refused, line: deque[asyncio.Event], ends: float
    ) -> Taken | Refused:
        turn, clock = line[-1], asyncio.get_running_loop().time
        while (left := ends - clock()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._poll) if line[0] is turn else left):
                    await turn.wait()
            turn.clear()
            if line[0] is turn:
                answer = await self._state.take(claims)
                if not _is_busy(answer):
                    break
        return answer

    def settle(self, taken: Taken, actual: Mapping[str, int] | None = None) -> None:
        """It was used; see `SharedState.settle`."""
        self._state.settle(taken, actual)
        self._call_next(taken)

    def release(self, taken: Taken) -> None:
        """It was not used; see `SharedState.release`."""
        self._state.release(taken)
        self._call_next(taken)

    def _call_next(self, taken: Taken) -> None:
        for grant in taken.grants:
            if line := self._lines.get(grant.claim.key):
                line[0].set()


def _is_busy(answer: Taken | Refused) -> TypeGuard[Refused]:
    """Whether there is something to wait for."""
    return isinstance(answer, Refused) and isinstance(answer.claim, Lease)
