"""What is known of deployments' health: written by whoever checks them, read by listings, metrics and routing."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """The outcome of a check: what is wrong with a deployment, None when it is well.

    `by` names the kind of check; `at` is the `time.monotonic()` second of it, `seconds` how long it took.
    """

    problem: str | None
    by: str
    at: float
    seconds: float = 0.0


class HealthBoard:
    """The last finding of each kind of check for each deployment. Survives a reload, since ids do."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._findings: dict[str, dict[str, Finding]] = {}
        self.is_watched = False
        """Whether deployments are checked in the background, so that nobody needs to ask them."""

    def report(self, id: str, problem: str | None, *, by: str, seconds: float = 0.0) -> Finding | None:
        """Write down a finding; the answer is the one before it."""
        kinds = self._findings.setdefault(id, {})
        before = kinds.get(by)
        kinds[by] = Finding(problem, by, self._clock(), seconds)
        return before

    def findings(self, id: str) -> Mapping[str, Finding]:
        """The findings of a deployment, by kind of check."""
        return self._findings.get(id, {})

    def ids(self) -> Collection[str]:
        """The deployments of which anything is known."""
        return self._findings.keys()

    def forget_all_but(self, ids: frozenset[str]) -> None:
        """Drop what is known of deployments that are no longer configured."""
        self._findings = {id: kinds for id, kinds in self._findings.items() if id in ids}
