"""Access tokens that vendors give for a while: kept while they are good, renewed before they are not."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from nova_core.types.secret import Secret

EARLY = 300.0
"""Seconds before its end in which a token is fetched anew, at most a fifth of its life."""
LAST = 10.0
"""Seconds before its end in which a token is not used any more."""
PATIENCE = 30.0
"""Seconds for which others go on with the old token while one call fetches a new one."""
MOST = 1000

Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


@dataclass(slots=True)
class _Kept(Generic[Value]):
    value: Value
    renew: float
    end: float


class Kept(Generic[Name, Value]):
    """Any number of short-lived credentials, by what names their owners; times in Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: dict[Name, _Kept[Value]] = {}

    def current(self, name: Name) -> Value | None:
        """A credential that is good; None when the caller of this has to fetch one."""
        kept, now = self._kept.get(name), self._clock()
        if kept is None or now >= kept.end - LAST:
            return None
        if now >= kept.renew:
            kept.renew = now + PATIENCE
            return None
        return kept.value

    def last(self, name: Name) -> Value:
        """The credential that was fetched last."""
        return self._kept[name].value

    def known(self, name: Name) -> Value | None:
        """What is kept, good or not."""
        kept = self._kept.get(name)
        return None if kept is None else kept.value

    def forget(self, name: Name) -> None:
        """Do not use what is kept: it was refused."""
        self._kept.pop(name, None)

    def keep(self, name: Name, value: Value, seconds: float) -> None:
        """Take in a credential that is good for so many seconds from now."""
        now = self._clock()
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[name] = _Kept(value, now + seconds - min(EARLY, seconds / 5), now + seconds)


class KeptTokens(Kept[Name, Secret]):
    """The tokens of any number of credentials."""
