"""What is shared about the use of deployments, as plain data: claims, what was taken, and readings of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

MINUTE = 60.0
LEASE_SECONDS = 30.0


class Window(msgspec.Struct, frozen=True, array_like=True, tag="window"):
    """`amount` units of at most `limit` within a window of `seconds` (requests, tokens, failures a minute).

    The first unit counted opens the window; when it is over the count is 0 again. `limit` None: counted, never
    refused. An `amount` of 0 takes nothing and still asks for room; one above `limit` never fits.
    """

    key: str
    limit: int | None = None
    amount: int = 1
    seconds: float = MINUTE


class Lease(msgspec.Struct, frozen=True, array_like=True, tag="lease"):
    """One of at most `limit` things that run at a time; `limit` None: counted, never refused.

    It is held until it is settled or released, however long that takes, and is free `seconds` after the process
    that holds it died or forgot it.
    """

    key: str
    limit: int | None = None
    seconds: float = LEASE_SECONDS


Claim = Window | Lease


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """One claim of what was taken: `used` of its limit, this one included, and the seconds its window has `left`.

    `window` numbers the window it was counted in; both are 0 for a lease.
    """

    claim: Claim
    used: int
    left: float = 0.0
    window: int = 0


class Taken(msgspec.Struct, array_like=True, tag="taken", weakref=True):
    """Claims that were all taken at once, in the order they were asked for. Whoever has it settles or releases it."""

    id: str
    grants: tuple[Grant, ...]
    is_open: bool = True


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """Nothing was taken, because `claim` has no room: `used` of its limit are taken.

    Of several claims without room it is the one that takes longest. `retry_after` is the seconds until its window
    is over; 0 for a lease: whenever somebody gives one back.
    """

    claim: Claim
    used: int
    retry_after: float


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """The keys of what one wants to know; make it once for a model group, and ask with it again and again."""

    windows: tuple[str, ...] = ()
    leases: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A value and the seconds it has `left`."""

    value: str
    left: float


class View(msgspec.Struct, frozen=True, array_like=True, tag="view"):
    """The answer to a `Reading`: units in each open window, leases that are held, values. Nothing is absent."""

    windows: Mapping[str, int] = {}
    leases: Mapping[str, int] = {}
    values: Mapping[str, Kept] = {}
