"""The truth about shared state in one process's memory: carries out operations, each of them whole."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nova_core.stores.bounded import BoundedTable
from nova_core.stores.claims import Claim, Grant, Kept, Lease, Reading, Refused, Taken, View, Window
from nova_core.stores.leases import Leases
from nova_core.stores.operations import Answer, Look, Operation, Pin, Put, Renew, Settle, Take

MAX_ITEMS = 100_000


@dataclass(slots=True)
class _Open:
    """A window that is open: its count, the second it ends, its number."""

    count: int
    ends: float
    number: int


@dataclass(slots=True)
class _Value:
    text: str
    ends: float


def _nobody(id: str) -> bool:
    return False


class Ledger:
    """Windows, leases and values. For one event loop (or one thread); nothing waits, nothing runs beside it.

    `is_held` is asked about a lease whose time is up; see `Leases`. At most `max_items` windows and as many values
    are kept: when there are more, the least recently used one is lost.
    """

    def __init__(
        self,
        *,
        is_held: Callable[[str], bool] = _nobody,
        max_items: int = MAX_ITEMS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._windows = BoundedTable[_Open](max_items=max_items, max_bytes=math.inf, clock=clock)
        self._values = BoundedTable[_Value](max_items=max_items, max_bytes=math.inf, clock=clock)
        self._leases = Leases(is_held)
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        """How many windows, values and keys of leases are held."""
        return len(self._windows) + len(self._values) + len(self._leases)

    def apply(self, operation: Operation) -> Answer:
        """Carry out one operation of any kind."""
        match operation:
            case Take():
                return self.take(operation.id, operation.claims)
            case Look():
                return self.look(operation.reading)
            case Pin():
                return self.pin(operation.key, operation.value, operation.seconds)
            case Settle():
                self.settle(operation)
            case Renew():
                self.renew(operation.leases)
            case Put():
                self.put(operation.key, operation.value, operation.seconds)
        return None

    def take(self, id: str, claims: Sequence[Claim]) -> Taken | Refused:
        """All or none."""
        now = self._clock()
        refused: Refused | None = None
        for claim in claims:
            limit = claim.limit
            if limit is None:
                continue
            if type(claim) is Window:
                window = self._windows.get(claim.key)
                used, wanted = 0 if window is None else window.count, claim.amount or 1
                wait = claim.seconds if window is None else window.ends - now
            else:
                used, wanted, wait = self._leases.count(claim.key, now), 1, 0.0
            if used + wanted > limit and (refused is None or wait > refused.retry_after):
                refused = Refused(claim, used, max(0.0, wait))
        if refused is not None:
            return refused
        return Taken(id, tuple([self._grant(id, claim, now) for claim in claims]))

    def _grant(self, id: str, claim: Claim, now: float) -> Grant:
        if type(claim) is Window:
            window = self._add(claim.key, claim.amount, claim.seconds, now)
            return Grant(claim, window.count, window.ends - now, window.number)
        return Grant(claim, self._leases.hold(claim.key, id, claim.seconds, now))

    def settle(self, settle: Settle) -> None:
        """Correct windows and free leases."""
        for change in settle.changes:
            window = self._windows.get(change.key)
            if window is not None and window.number == change.window:
                window.count = max(0, window.count + change.delta)
            elif change.delta > 0:
                self._add(change.key, change.delta, change.seconds, self._clock())
        for key in settle.leases:
            self._leases.free(key, settle.id)

    def renew(self, leases: Iterable[tuple[str, str, float]]) -> None:
        """Hold on to leases."""
        now = self._clock()
        for key, id, seconds in leases:
            self._leases.hold(key, id, seconds, now)

    def look(self, reading: Reading) -> View:
        """The state of the keys; nothing is absent."""
        now = self._clock()
        windows = {key: window.count for key in reading.windows if (window := self._windows.get(key)) is not None}
        leases = {key: held for key in reading.leases if (held := self._leases.count(key, now))}
        values = {
            key: Kept(value.text, max(0.0, value.ends - now))
            for key in reading.values
            if (value := self._values.get(key)) is not None
        }
        return View(windows, leases, values)

    def put(self, key: str, value: str, seconds: float) -> None:
        """Keep, replace, or remove a value."""
        self._values.put(key, _Value(value, self._clock() + seconds), ttl=seconds, size=0)

    def pin(self, key: str, value: str, seconds: float) -> str:
        """The value that is kept, for `seconds` from now."""
        kept = self._values.get(key)
        text = value if kept is None else kept.text
        self.put(key, text, seconds)
        return text

    def adopt(self, taken: Taken) -> None:
        """Know what was taken elsewhere, as if it had been taken here."""
        now = self._clock()
        for grant in taken.grants:
            claim = grant.claim
            if isinstance(claim, Lease):
                self._leases.hold(claim.key, taken.id, claim.seconds, now)
                continue
            window = self._windows.get(claim.key)
            if window is None or window.number != grant.window:
                opened = _Open(grant.used, now + grant.left, grant.window)
                self._windows.put(claim.key, opened, ttl=grant.left, size=0)
            else:
                window.count = grant.used

    def forget(self, is_gone: Callable[[str], bool]) -> None:
        """Free the leases of everybody who is gone, by their ids."""
        self._leases.free_where(is_gone)

    def _add(self, key: str, amount: int, seconds: float, now: float) -> _Open:
        window = self._windows.get(key)
        if window is None:
            window = _Open(amount, now + seconds, next(self._numbers))
            self._windows.put(key, window, ttl=seconds, size=0)
        else:
            window.count += amount
        return window
