"""What this process holds: leases live on as long as somebody here has the `Taken` in hand."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakValueDictionary

from nova_core.stores.claims import Lease, Taken


class Held:
    """Open takes with leases, by id. One that was dropped without being settled is held no longer."""

    __slots__ = ("_takes",)

    def __init__(self) -> None:
        self._takes: WeakValueDictionary[str, Taken] = WeakValueDictionary()

    def __contains__(self, id: str) -> bool:
        taken = self._takes.get(id)
        return taken is not None and taken.is_open

    def add(self, taken: Taken) -> None:
        """Hold its leases, if it has any."""
        for grant in taken.grants:
            if type(grant.claim) is Lease:
                self._takes[taken.id] = taken
                return

    def close(self, taken: Taken) -> bool:
        """Whether this is the first time that it ends."""
        if not taken.is_open:
            return False
        taken.is_open = False
        return True

    def leases(self) -> Iterator[tuple[str, str, float]]:
        """Key, id and seconds of every lease that is held."""
        for id, taken in list(self._takes.items()):
            if not taken.is_open:
                continue
            for grant in taken.grants:
                if isinstance(grant.claim, Lease):
                    yield grant.claim.key, id, grant.claim.seconds
