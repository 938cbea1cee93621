"""Shared state that somebody else holds: always answers, in time, if need be from this process's own memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from nova_core.stores.claims import LEASE_SECONDS, Claim, Reading, Refused, Taken, View
from nova_core.stores.conversation import Conversation
from nova_core.stores.held import Held
from nova_core.stores.ledger import Ledger
from nova_core.stores.link import Link
from nova_core.stores.operations import (
    STANDBY,
    Look,
    Operation,
    Pin,
    Put,
    Renew,
    Settle,
    Take,
    counted,
    numbered_ids,
    refund,
    settlement,
)

BUDGET = 0.1
RENEW_SECONDS = LEASE_SECONDS / 3
MOST_VIEWS = 1000


class RemoteState:
    """A `SharedState` at the other end of a link: see `Conversation` for its deadlines and its losses.

    Beside it a ledger in this process follows what this process took, put and pinned. While the link is lost that
    ledger decides: its windows begin with the counts that were last seen. When the link is back the truth decides
    again; leases that are still held are made known to it, units taken meanwhile are not. Units whose settlement
    got lost stay counted until their window is over: a loss errs towards refusing.
    """

    def __init__(
        self,
        link: Link,
        *,
        budget: float = BUDGET,
        renew_seconds: float = RENEW_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._conversation = Conversation(link, budget=budget, opened=self._renew)
        self._renew_seconds = renew_seconds
        self._renewing: asyncio.TimerHandle | None = None
        self._clock = clock
        self._ids = numbered_ids()
        self._held = Held()
        self._standby = Ledger(is_held=self._held.__contains__, clock=clock)
        self._views: dict[Reading, tuple[float, View]] = {}

    @property
    def is_shared(self) -> bool:
        """Whether the truth is in reach."""
        return self._conversation.is_up

    async def start(self) -> None:
        """Returns when the truth is reached, or known to be out of reach for now."""
        await self._conversation.start()

    async def aclose(self) -> None:
        """Say what is left to be said, and let go."""
        await self._conversation.aclose()
        if self._renewing is not None:
            self._renewing.cancel()

    async def take(self, claims: Sequence[Claim]) -> Taken | Refused:
        """All claims at once, or none and why."""
        take = Take(self._ids(), tuple(claims))
        answer = await self._conversation.ask(take)
        if isinstance(answer, Taken):
            self._standby.adopt(answer)
        elif not isinstance(answer, Refused):
            answer = self._standby.take(STANDBY + take.id, take.claims)
        if isinstance(answer, Taken):
            self._held.add(answer)
        return answer

    def settle(self, taken: Taken, actual: Mapping[str, int] | None = None) -> None:
        """Free its leases and correct its windows."""
        if self._held.close(taken):
            self._end(settlement(taken, actual or {}))

    def release(self, taken: Taken) -> None:
        """Give everything back."""
        if self._held.close(taken):
            self._end(refund(taken))

    def count(self, key: str, amount: int, seconds: float) -> None:
        """Add units to a window."""
        self._tell(counted(key, amount, seconds))

    async def look(self, reading: Reading, *, max_age: float = 0.0) -> View:
        """The state of the keys."""
        seen = self._views.get(reading) if max_age > 0 else None
        if seen is not None and self._clock() - seen[0] <= max_age:
            return seen[1]
        answer = await self._conversation.ask(Look(reading))
        view = answer if isinstance(answer, View) else self._standby.look(reading)
        if max_age > 0:
            if len(self._views) >= MOST_VIEWS:
                self._views.clear()
            self._views[reading] = self._clock(), view
        return view

    def put(self, key: str, value: str, seconds: float) -> None:
        """Keep, replace, or remove a value."""
        self._tell(Put(key, value, seconds))

    async def pin(self, key: str, value: str, seconds: float) -> str:
        """The value that is kept."""
        answer = await self._conversation.ask(Pin(key, value, seconds))
        if not isinstance(answer, str):
            return self._standby.pin(key, value, seconds)
        self._standby.put(key, answer, seconds)
        return answer

    def _tell(self, operation: Operation) -> None:
        self._standby.apply(operation)
        self._conversation.tell(operation)

    def _end(self, settle: Settle) -> None:
        self._standby.settle(settle)
        told = Settle(settle.id, (), settle.leases) if settle.id.startswith(STANDBY) else settle
        if told.changes or told.leases:
            self._conversation.tell(told)

    def _renew(self) -> None:
        """Make known what is held, now and from time to time while the link is there."""
        if self._renewing is not None:
            self._renewing.cancel()
        leases = tuple(self._held.leases()) if self.is_shared else ()
        if leases:
            self._conversation.tell(Renew(leases))
        self._renewing = asyncio.get_running_loop().call_later(self._renew_seconds, self._renew)
