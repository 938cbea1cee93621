"""Which deployments rest after failing, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from nova_core.errors import (
    AuthenticationError,
    NotFoundError,
    NovaError,
    PaymentRequiredError,
    RateLimitedError,
)
from nova_core.types.deployment import Deployment

WINDOW = 60.0
MIN_REQUESTS = 5
FAILED_SHARE = 0.5
LONGEST = 300.0


class Cooldowns:
    """Counts successes and failures per deployment id; survives a reload, since ids do.

    A deployment rests at once after 401, 402, 404 and 429, and after other failures that speak of the
    deployment when more than half of at least five calls within a minute failed. The only deployment of its
    group never rests: answering its own error helps the caller more than ours.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._window: dict[str, tuple[float, int, int]] = {}

    def succeeded(self, deployment: Deployment) -> None:
        """Count a success."""
        self._count(deployment.id, failed=0)

    def failed(
        self, deployment: Deployment, error: NovaError, *, alone: bool, seconds: float, allowed: int | None = None
    ) -> None:
        """Count a failure and decide. `alone`: the group has no other deployment; `seconds`: how long to rest.

        With `allowed` (the operator's `allowed_fails`) a deployment rests once a minute has more failures than that.
        """
        calls, failures = self._count(deployment.id, failed=1)
        if alone or "*" in deployment.group or not error.cools_down or seconds <= 0:
            return
        if allowed is not None:
            at_once = failures > allowed
        elif isinstance(error, AuthenticationError | PaymentRequiredError | NotFoundError | RateLimitedError):
            at_once = True
        else:
            at_once = calls >= MIN_REQUESTS and failures > calls * FAILED_SHARE
        if at_once:
            rest = min(error.retry_after, LONGEST) if error.retry_after else seconds
            self._until[deployment.id] = self._clock() + rest

    def cooling(self) -> Mapping[str, float]:
        """Deployment ids that rest now, with the monotonic second each returns."""
        if not self._until:
            return {}
        now = self._clock()
        for name in [name for name, until in self._until.items() if until <= now]:
            del self._until[name]
        return dict(self._until)

    def forget_all_but(self, ids: frozenset[str]) -> None:
        """Drop the state of deployments that are no longer configured."""
        self._until = {name: until for name, until in self._until.items() if name in ids}
        self._window = {name: counts for name, counts in self._window.items() if name in ids}

    def _count(self, name: str, *, failed: int) -> tuple[int, int]:
        now = self._clock()
        started, calls, failures = self._window.get(name, (now, 0, 0))
        if now - started > WINDOW:
            started, calls, failures = now, 0, 0
        self._window[name] = (started, calls + 1, failures + failed)
        return calls + 1, failures + failed
