"""What the gateway asks of a store, whoever provides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from nova_core.errors import NovaError
from nova_core.stores.claims import Claim, Reading, Refused, Taken, View

# Deadlines: a store is made with its own deadline, and every method answers or raises `StoreUnavailableError`
# within it; nothing here waits for longer, and no method retries beyond it. What the gateway answers then is
# decided by who asked: a cache misses, a limit follows the operator's choice.

KEY_VALUE, COUNTERS, SHARED_STATE = "key_value", "counters", "shared_state"
"""The kinds of stores, as `provide_store` and `GatewayView.store` name them."""


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


@runtime_checkable
class SharedState(Protocol):
    """What routing shares between calls, workers and replicas: limits, what runs, usage, cooldowns, affinity.

    Two kinds of questions. `take`, `look` and `pin` are answered by whoever holds the truth, in one round trip and
    within the store's budget; when it is out of reach, by what this process knows itself: they never raise and never
    wait for longer. Everything else is told and not asked: it returns at once, also while a call is being cancelled,
    and arrives in the order it was said, before what is asked later.

    Keys are the caller's (`rpm:DEPLOYMENT`); windows, leases and values have each their own. One attempt:

        taken = await state.take((Window("rpm:d1", 20), Window("tpm:d1", 90_000, amount=900), Lease("runs:d1", 8)))
        if isinstance(taken, Refused):
            ...                                     # taken.claim, taken.retry_after
        try:
            reply = await ...
        except NotSentError:
            state.release(taken)                    # the upstream never saw it: all is given back
            raise
        finally:
            state.settle(taken, {"tpm:d1": used})   # else: the real usage, and the lease is free

    Least-busy counts are leases without a limit; usage is windows without one (`count`, or `take` to know the sum);
    a cooldown is a value that `put` keeps for as long; affinity is a `pin`.
    """

    @property
    def is_shared(self) -> bool:
        """Whether others see this state now: false in one process, and while the truth is out of reach."""
        ...

    async def start(self) -> None:
        """Reach the truth, if that is quickly done. Without it the first use starts it."""
        ...

    async def aclose(self) -> None:
        """Say what is left to be said, and let go."""
        ...

    async def take(self, claims: Sequence[Claim]) -> Taken | Refused:
        """All claims at once, or none and why. Keys of one kind must differ."""
        ...

    def settle(self, taken: Taken, actual: Mapping[str, int] | None = None) -> None:
        """It was used: free its leases, and correct windows by key to the `actual` amount.

        What `actual` does not name stays as it was taken. The first settling or release counts, others do nothing.
        """
        ...

    def release(self, taken: Taken) -> None:
        """It was not used: give everything back. The first settling or release counts, others do nothing."""
        ...

    def count(self, key: str, amount: int, seconds: float) -> None:
        """Add units to the window of this key, opened for `seconds` if none is open."""
        ...

    async def look(self, reading: Reading, *, max_age: float = 0.0) -> View:
        """Many keys in one round trip. An answer to an equal reading of `max_age` seconds ago will do."""
        ...

    def put(self, key: str, value: str, seconds: float) -> None:
        """Keep a value for `seconds`, in place of any other; 0 or less removes it."""
        ...

    async def pin(self, key: str, value: str, seconds: float) -> str:
        """The value that is kept, else this one; either is kept for `seconds` from now."""
        ...
