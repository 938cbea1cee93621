"""What the gateway asks of a store, whoever provides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from nova_core.errors import NovaError

# Deadlines: a store is made with its own deadline, and every method answers or raises `StoreUnavailableError`
# within it; nothing here waits for longer, and no method retries beyond it. What the gateway answers then is
# decided by who asked: a cache misses, a limit follows the operator's choice.


class StoreUnavailableError(NovaError):
    """A store did not answer within its deadline."""

    status = 503
    type = "service_unavailable_error"
    default_code = "store_unavailable"
    retryable = True


@runtime_checkable
class KeyValueStore(Protocol):
    """Values by key, kept as long as there is room: what was set may be gone at any time.

    Times are in seconds. Every method raises `StoreUnavailableError` when the store's deadline passes.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None when there is none (any more)."""
        ...

    async def get_many(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """The values that there are, in one round trip; missing keys are absent."""
        ...

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Keep a value for `ttl` seconds from now, None without end; a `ttl` of 0 or less removes the key."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a key; one that is not there is fine."""
        ...


@runtime_checkable
class CounterStore(Protocol):
    """Integers that count within a window of time.

    Every method raises `StoreUnavailableError` when the store's deadline passes; an `add` that raised may or may
    not have counted.
    """

    async def add(self, key: str, amount: int, ttl: float) -> int:
        """Add (also a negative amount) and answer the new count, atomically.

        The first `add` opens a window of `ttl` seconds; later ones do not prolong it. When it is over the
        counter is 0 again. Raises `ValueError` unless `ttl` is above 0.
        """
        ...

    async def read(self, key: str) -> int:
        """The count, 0 when no window is open."""
        ...
