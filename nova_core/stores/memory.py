"""The stores of one process: bounded, in memory, gone with it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

from nova_core.stores.bounded import BoundedTable

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
