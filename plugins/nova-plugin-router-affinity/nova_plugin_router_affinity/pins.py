"""Where calls went: known here at once, and told to the other workers and replicas."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from nova_core.stores import Reading, SharedState
from nova_core.stores.bounded import BoundedTable

MOST_KNOWN = 100_000


class Pins:
    """Deployment ids by key, each for some seconds."""

    def __init__(self, state: SharedState, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._state = state
        self._known = BoundedTable[str](max_items=MOST_KNOWN, max_bytes=float("inf"), clock=clock)

    def get(self, key: str) -> str | None:
        """The deployment, as far as this process knows."""
        return self._known.get(key)

    def put(self, key: str, id: str, seconds: float) -> None:
        """Remember the deployment, from now for so many seconds."""
        self._known.put(key, id, ttl=seconds, size=0)
        if self._state.is_shared:
            self._state.put(key, id, seconds)

    async def look(self, keys: Sequence[str]) -> None:
        """Ask the others about keys, if there are others and this process knows none of them."""
        if not self._state.is_shared or not keys or any(self._known.get(key) is not None for key in keys):
            return
        view = await self._state.look(Reading(values=tuple(keys)))
        for key, kept in view.values.items():
            self._known.put(key, kept.value, ttl=kept.left, size=0)
