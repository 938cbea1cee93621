"""The operations on shared state as data, so that they can be sent in batches to whoever holds it."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Mapping

import msgspec

from nova_core.stores.claims import Claim, Lease, Reading, Refused, Taken, View, Window

STANDBY = "-"
"""How ids begin of what was taken while the truth was out of reach, and of which it knows nothing."""


class Take(msgspec.Struct, frozen=True, array_like=True, tag="take"):
    """All claims or none, under an id that the asker chose. Answer: `Taken` or `Refused`."""

    id: str
    claims: tuple[Claim, ...]


class Change(msgspec.Struct, frozen=True, array_like=True):
    """`delta` units to the window with this number, never below 0.

    When that window is over, units to add go to the one that is open now (opened for `seconds` if none is): they
    were used although nobody had reserved them. Units to give back are of no use to another window.
    """

    key: str
    window: int
    delta: int
    seconds: float


class Settle(msgspec.Struct, frozen=True, array_like=True, tag="settle"):
    """The end of what was taken under `id`: windows to correct, leases to free. Answer: None."""

    id: str
    changes: tuple[Change, ...] = ()
    leases: tuple[str, ...] = ()


class Renew(msgspec.Struct, frozen=True, array_like=True, tag="renew"):
    """Leases that are still held, as (key, id, seconds); those that were lost are there again. Answer: None."""

    leases: tuple[tuple[str, str, float], ...]


class Look(msgspec.Struct, frozen=True, array_like=True, tag="look"):
    """Answer: a `View`."""

    reading: Reading = Reading()


class Put(msgspec.Struct, frozen=True, array_like=True, tag="put"):
    """Keep a value for so many seconds; 0 or less removes it. Answer: None."""

    key: str
    value: str
    seconds: float


class Pin(msgspec.Struct, frozen=True, array_like=True, tag="pin"):
    """Keep a value unless there is one; what is kept then lives `seconds` from now. Answer: the value kept."""

    key: str
    value: str
    seconds: float


Operation = Take | Settle | Renew | Look | Put | Pin
Answer = Taken | Refused | View | str | None


def settlement(taken: Taken, actual: Mapping[str, int]) -> Settle:
    """How what was taken ends when `actual` units were used of the windows with these keys, the others as taken."""
    changes: list[Change] = []
    leases: list[str] = []
    for grant in taken.grants:
        claim = grant.claim
        if isinstance(claim, Lease):
            leases.append(claim.key)
        elif (used := actual.get(claim.key)) is not None and used != claim.amount:
            changes.append(Change(claim.key, grant.window, used - claim.amount, claim.seconds))
    return Settle(taken.id, tuple(changes), tuple(leases))


def refund(taken: Taken) -> Settle:
    """How what was taken ends when it was not used at all."""
    return settlement(taken, {grant.claim.key: 0 for grant in taken.grants if isinstance(grant.claim, Window)})


def counted(key: str, amount: int, seconds: float) -> Settle:
    """Units that were used without having been taken."""
    return Settle("", (Change(key, 0, amount, seconds),))


def numbered_ids() -> Callable[[], str]:
    """Makes ids that no other process makes: `HOLDER.NUMBER`."""
    holder, numbers = secrets.token_hex(6), itertools.count(1)
    return lambda: f"{holder}.{next(numbers)}"


def holders(operation: Operation) -> set[str]:
    """Whose leases the operation may bring, by what `holder_of` says of their ids."""
    match operation:
        case Take(id=id):
            return {holder_of(id)}
        case Renew(leases=leases):
            return {holder_of(id) for _, id, _ in leases}
    return set()


def holder_of(id: str) -> str:
    """Who made the id."""
    return id.removeprefix(STANDBY).partition(".")[0]
