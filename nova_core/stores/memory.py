"""The stores of one process: bounded, in memory, gone with it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

from nova_core.stores.bounded import BoundedTable
from nova_core.stores.claims import Claim, Reading, Refused, Taken, View
from nova_core.stores.held import Held
from nova_core.stores.ledger import Ledger
from nova_core.stores.operations import counted, numbered_ids, refund, settlement

MIB = 1024 * 1024


class MemoryKeyValueStore:
    """A `KeyValueStore`. `max_bytes` counts keys (as UTF-8) and values; never waits, so it needs no deadline."""

    def __init__(
        self,
        *,
        max_items: int = 10_000,
        max_bytes: int = 64 * MIB,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = BoundedTable[bytes](max_items=max_items, max_bytes=max_bytes, clock=clock)

    def __len__(self) -> int:
        """How many values are held."""
        return len(self._table)

    @property
    def bytes_held(self) -> int:
        """Bytes of keys and values together; what Python adds is not counted."""
        return self._table.bytes_held

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        return self._table.get(key)

    async def get_many(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """The values that there are."""
        found = ((key, self._table.get(key)) for key in keys)
        return {key: value for key, value in found if value is not None}

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Keep a value; one that is larger than the whole store is not kept."""
        self._table.put(key, value, ttl=ttl, size=len(key.encode("utf-8", "surrogatepass")) + len(value))

    async def delete(self, key: str) -> None:
        """Forget a key."""
        self._table.remove(key)


class MemoryCounterStore:
    """A `CounterStore`. When more than `max_items` windows are open, the least recently used one is lost."""

    def __init__(self, *, max_items: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = BoundedTable[int](max_items=max_items, max_bytes=math.inf, clock=clock)

    def __len__(self) -> int:
        """How many windows are held."""
        return len(self._table)

    async def add(self, key: str, amount: int, ttl: float) -> int:
        """Add within the open window, or open one of `ttl` seconds."""
        if not ttl > 0:
            raise ValueError("a counter's ttl must be above 0")
        count = self._table.get(key)
        if count is None:
            self._table.put(key, amount, ttl=ttl, size=0)
            return amount
        self._table.swap(key, count + amount)
        return count + amount

    async def read(self, key: str) -> int:
        """The count, 0 when no window is open."""
        return self._table.get(key) or 0


class MemorySharedState:
    """A `SharedState` of one process: exact under concurrency, since nothing in it waits.

    `take_now`, `look_now` and `pin_now` are what `take`, `look` and `pin` answer, without a coroutine.
    """

    is_shared = False

    def __init__(self, *, max_items: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._held = Held()
        self._ids = numbered_ids()
        self._ledger = Ledger(is_held=self._held.__contains__, max_items=max_items, clock=clock)
        self.look_now: Callable[[Reading], View] = self._ledger.look
        self.pin_now: Callable[[str, str, float], str] = self._ledger.pin
        self.put: Callable[[str, str, float], None] = self._ledger.put

    def __len__(self) -> int:
        """How many windows, values and keys of leases are held."""
        return len(self._ledger)

    async def start(self) -> None:
        """Nothing to reach."""

    async def aclose(self) -> None:
        """Nothing to let go."""

    def take_now(self, claims: Sequence[Claim]) -> Taken | Refused:
        """All claims at once, or none and why."""
        answer = self._ledger.take(self._ids(), claims)
        if type(answer) is Taken:
            self._held.add(answer)
        return answer

    async def take(self, claims: Sequence[Claim]) -> Taken | Refused:
        """All claims at once, or none and why."""
        return self.take_now(claims)

    def settle(self, taken: Taken, actual: Mapping[str, int] | None = None) -> None:
        """Free its leases and correct its windows."""
        if self._held.close(taken):
            self._ledger.settle(settlement(taken, actual or {}))

    def release(self, taken: Taken) -> None:
        """Give everything back."""
        if self._held.close(taken):
            self._ledger.settle(refund(taken))

    def count(self, key: str, amount: int, seconds: float) -> None:
        """Add units to a window."""
        self._ledger.settle(counted(key, amount, seconds))

    async def look(self, reading: Reading, *, max_age: float = 0.0) -> View:
        """The state of the keys, always of this moment."""
        return self._ledger.look(reading)

    async def pin(self, key: str, value: str, seconds: float) -> str:
        """The value that is kept."""
        return self._ledger.pin(key, value, seconds)
