"""Which deployments rest after failing, until when, and how they are tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from nova_core.errors import (
    AuthenticationError,
    NotFoundError,
    NovaError,
    PaymentRequiredError,
    RateLimitedError,
    RequestTimeoutError,
)
from nova_core.gateway.by_error import Counts, counts_of, kind_of
from nova_core.types.deployment import Deployment

WINDOW = 60.0
LONGEST = 300.0
TRIAL_SECONDS = 60.0
"""A trial that nobody heard of for so long is taken for lost."""
EARLY = 1.0
"""Who is back so many seconds before its time was let back, and did not just come to the end of its rest."""
ALLOWED_FAILS = "AllowedFails"

Publish = Callable[[str, float], None]
Standing = Literal["alone", "last", "several"]
"""How a deployment stands in its group when it fails. Alone there, it never rests: answering its own error helps the
caller more than ours. As the last that does not rest, it does not for a 4xx that another request may not get."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a deployment rests, and for how many `seconds`; 0 means never.

    `allowed` failures a minute are put up with, of the kinds in `by_kind` so many. Without a number, rate limits and
    what speaks of the deployment (401, 402, 404) make it rest at once, and other failures when more than `share` of
    at least `least` calls within a minute failed. `own` are the kinds that the deployment itself names, be they errors
    that otherwise say nothing about it. `own_seconds` goes before the upstream's Retry-After.
    """

    seconds: float = 5.0
    allowed: int | None = None
    by_kind: Counts = field(default_factory=dict)
    share: float = 0.5
    least: int = 5
    own: Counts = field(default_factory=dict)
    own_seconds: float | None = None

    def of(self, deployment: Deployment) -> Rule:
        """The rule with what `model_info` and `params` of this deployment say."""
        allowed = deployment.info.get("allowed_fails")
        own = counts_of(deployment.info.get("allowed_fails_policy") or {}, ALLOWED_FAILS)
        if allowed is None and not own and deployment.cooldown_time is None:
            return self
        return replace(
            self,
            allowed=self.allowed if allowed is None else allowed,
            by_kind={**self.by_kind, **own} if allowed is None else own,
            own=own,
            own_seconds=deployment.cooldown_time,
        )

    def rest(self, error: NovaError) -> float:
        """For how many seconds this failure makes a deployment rest."""
        if self.own_seconds is not None:
            return self.own_seconds
        return min(error.retry_after, LONGEST) if error.retry_after and self.seconds > 0 else self.seconds


@dataclass(slots=True)
class Seen:
    """Calls, failures and their kinds since the monotonic second `began`."""

    began: float
    calls: int = 0
    failures: int = 0
    kinds: dict[type[NovaError], int] = field(default_factory=dict)


def is_enough(error: NovaError, seen: Seen, rule: Rule) -> bool:
    """Whether a deployment rests after this failure, which `seen` counts already."""
    kind = kind_of(error, rule.by_kind)
    if kind is not None:
        return sum(number for each, number in seen.kinds.items() if issubclass(each, kind)) > rule.by_kind[kind]
    if rule.allowed is not None:
        return seen.failures > rule.allowed
    if isinstance(error, AuthenticationError | PaymentRequiredError | NotFoundError | RateLimitedError):
        return True
    return seen.calls >= rule.least and seen.failures > seen.calls * rule.share


def _is_of_the_request(error: NovaError) -> bool:
    return 400 <= error.status < 500 and not isinstance(error, RequestTimeoutError | RateLimitedError)


class Cooldowns:
    """Counts successes and failures per deployment id, and keeps who rests.

    After its rest a deployment is in `recovering`: one call tries it, and until that is over it rests for all others.
    When it succeeds, or the upstream answers with what is the caller's own mistake, the deployment is back; when it
    fails, it rests again. `publish` is told who begins to rest for how many seconds, and with 0 who is back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.recovering: dict[str, float] = {}  # when its trial began, 0 while nobody tries it
        self.publish: Publish | None = None
        self._clock = clock
        self._until: dict[str, float] = {}
        self._adopted: set[str] = set()
        self._seen: dict[str, Seen] = {}

    def succeeded(self, deployment: Deployment) -> None:
        """Count a success."""
        seen = self._seen.get(deployment.id)
        if seen is None or self._clock() - seen.began > WINDOW:
            seen = self._seen[deployment.id] = Seen(self._clock())
        seen.calls += 1
        if self.recovering and deployment.id in self.recovering:
            self._back(deployment.id)

    def failed(self, deployment: Deployment, error: NovaError, rule: Rule, standing: Standing = "several") -> None:
        """Count a failure and decide."""
        name, now = deployment.id, self._clock()
        counts = error.cools_down or kind_of(error, rule.own) is not None
        seen = self._seen.get(name)
        if seen is None or now - seen.began > WINDOW:
            seen = self._seen[name] = Seen(now)
        seen.calls += 1
        if counts:
            seen.failures += 1
            seen.kinds[type(error)] = seen.kinds.get(type(error), 0) + 1
        was_tried = name in self.recovering
        if was_tried and not (counts or error.retryable):
            self._back(name)
            return
        if standing == "alone" or "*" in deployment.group or (standing == "last" and _is_of_the_request(error)):
            self.abandoned(deployment)
            return
        rest = rule.rest(error)
        if rest > 0 and (was_tried or (counts and is_enough(error, seen, rule))):
            self.recovering.pop(name, None)
            self._adopted.discard(name)
            self._until[name] = now + rest
            if self.publish is not None:
                self.publish(name, rest)

    def begin(self, deployment: Deployment) -> None:
        """An attempt begins; if the deployment is recovering, it is its trial."""
        if deployment.id in self.recovering:
            self.recovering[deployment.id] = self._clock()

    def abandoned(self, deployment: Deployment) -> None:
        """An attempt ended without a verdict (its caller left): somebody else may try."""
        if deployment.id in self.recovering:
            self.recovering[deployment.id] = 0.0

    def cooling(self) -> Mapping[str, float]:
        """Deployment ids that rest now, with the monotonic second each returns."""
        if not self._until and not self.recovering:
            return {}
        now = self._clock()
        for name in [name for name, until in self._until.items() if until <= now]:
            del self._until[name]
            self.recovering[name] = 0.0
        on_trial = {name: now + 1.0 for name, began in self.recovering.items() if began and now - began < TRIAL_SECONDS}
        return {**self._until, **on_trial}

    def adopt(self, resting: Mapping[str, float]) -> None:
        """Rest whom others let rest, by id for so many seconds more; whom they let back early is back here too."""
        now = self._clock()
        for name in [name for name in self._adopted if name not in resting]:
            self._adopted.discard(name)
            if self._until.get(name, 0.0) - now > EARLY:
                del self._until[name]
        for name, left in resting.items():
            if left > 0 and name not in self._until and not self.recovering.get(name):
                self._until[name] = now + left
                self._adopted.add(name)
                self.recovering.pop(name, None)

    def forget_all_but(self, ids: frozenset[str]) -> None:
        """Drop the state of deployments that are no longer configured, or now are others."""
        states: tuple[dict[str, Any], ...] = (self._until, self.recovering, self._seen)
        for state in states:
            for name in [name for name in state if name not in ids]:
                del state[name]
        self._adopted &= ids

    def _back(self, name: str) -> None:
        del self.recovering[name]
        self._seen.pop(name, None)
        self._adopted.discard(name)
        if self.publish is not None:
            self.publish(name, 0.0)
