"""Which leases are held, by whom, and until when: exact, and free of what nobody holds any more."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_SWEEP = 1024


@dataclass(slots=True)
class _Holders:
    """Lease ids of one key with the second each expires; none does before `earliest`."""

    seconds: float
    until: dict[str, float] = field(default_factory=dict)
    earliest: float = math.inf


class Leases:
    """Leases by key. `is_held` says of an id that its time is up, but its holder is there: it lives on."""

    __slots__ = ("_is_held", "_keys", "_sweep_at")

    def __init__(self, is_held: Callable[[str], bool]) -> None:
        self._is_held = is_held
        self._keys: dict[str, _Holders] = {}
        self._sweep_at = FIRST_SWEEP

    def __len__(self) -> int:
        """How many keys are known."""
        return len(self._keys)

    def count(self, key: str, now: float) -> int:
        """How many are held."""
        holders = self._keys.get(key)
        if holders is None:
            return 0
        if holders.earliest <= now:
            self._drop_expired(holders, now)
        return len(holders.until)

    def hold(self, key: str, id: str, seconds: float, now: float) -> int:
        """Hold, or hold on; answers how many are held."""
        holders = self._keys.get(key)
        if holders is None:
            if len(self._keys) >= self._sweep_at:
                self._sweep(now)
            holders = self._keys[key] = _Holders(seconds)
        elif holders.earliest <= now:
            self._drop_expired(holders, now)
        holders.seconds = seconds
        holders.until[id] = until = now + seconds
        if until < holders.earliest:
            holders.earliest = until
        return len(holders.until)

    def free(self, key: str, id: str) -> None:
        """Let go, if it is held."""
        holders = self._keys.get(key)
        if holders is not None:
            holders.until.pop(id, None)

    def free_where(self, is_gone: Callable[[str], bool]) -> None:
        """Let go of every lease whose id is of somebody who is gone."""
        for holders in self._keys.values():
            holders.until = {id: moment for id, moment in holders.until.items() if not is_gone(id)}

    def _drop_expired(self, holders: _Holders, now: float) -> None:
        # Amortised: nothing expires before `earliest`, and most of what began with it is free by then.
        until = {id: moment for id, moment in holders.until.items() if moment > now}
        until |= {id: now + holders.seconds for id in holders.until if id not in until and self._is_held(id)}
        holders.until = until
        holders.earliest = min(until.values(), default=math.inf)

    def _sweep(self, now: float) -> None:
        for key, holders in list(self._keys.items()):
            if holders.earliest <= now:
                self._drop_expired(holders, now)
            if not holders.until:
                del self._keys[key]
        self._sweep_at = max(FIRST_SWEEP, 2 * len(self._keys))
