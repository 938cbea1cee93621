"""A second attempt on another deployment when the first is slow: the first answer wins, the other is cancelled."""

from __future__ import annotations

import asyncio
import copy
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nova_core.errors import ClientClosedError, InternalServerError
from nova_core.gateway.attempts import Attempts, Try
from nova_core.gateway.limits import AtLimitError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request, Stream

SAMPLES = 200
MOST_SAVED = 10.0
MOST_GROUPS = 10_000
OPERATIONS = frozenset({"chat", "embedding", "rerank"})
ACTING = ("tools", "functions", "store", "previous_response_id", "background", "conversation")
"""Members of a request that may do something twice when it is sent twice."""
OF_THE_WINNER = ("deployment", "fidelity", "metered", "space")

Outcome = Reply | Stream
Running = asyncio.Task[Outcome]
TryAs = Callable[[Call], Try]


@dataclass(frozen=True, slots=True)
class HedgeSettings:
    """`share` of calls that may be asked twice; slow is what takes longer than `percentile` of the latest answers.

    `after` seconds replace the percentile. `groups` empty: all.
    """

    share: float = 0.05
    percentile: float = 95.0
    min_samples: int = 20
    after: float | None = None
    groups: frozenset[str] = frozenset()


def may_be_sent_twice(request: Request) -> bool:
    """Embeddings, reranking, and chats that can only answer."""
    return request.operation in OPERATIONS and not any(request.get(name) for name in ACTING)


class Hedging:
    """What is known of the groups' speed, and how many second attempts are left.

    Every call earns `share` of a second attempt, so that there are never more of them than that share of all calls.
    """

    def __init__(self, settings: HedgeSettings) -> None:
        self._settings = settings
        self._samples: dict[str, deque[float]] = {}
        self._saved = 0.0

    def covers(self, group: str, request: Request) -> bool:
        """Whether calls like this one are hedged; if so it has earned its share."""
        groups = self._settings.groups
        if (groups and group not in groups) or not may_be_sent_twice(request):
            return False
        self._saved = min(MOST_SAVED, self._saved + self._settings.share)
        return True

    def patience(self, group: str) -> float | None:
        """Seconds after which an answer of this group is slow; None while that is not known."""
        settings = self._settings
        if settings.after is not None:
            return settings.after
        samples = self._samples.get(group, ())
        if len(samples) < settings.min_samples:
            return None
        return sorted(samples)[min(len(samples), math.ceil(len(samples) * settings.percentile / 100)) - 1]

    def spend(self) -> bool:
        """Whether one more second attempt may be made; then it is counted."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True

    def learn(self, group: str, seconds: float) -> None:
        """An answer, or the first chunk of one, took so long."""
        if group not in self._samples and len(self._samples) >= MOST_GROUPS:
            self._samples.clear()
        self._samples.setdefault(group, deque(maxlen=SAMPLES)).append(seconds)


class Hedge:
    """Wraps the attempts of one call in one group. `try_beside` makes attempts of the copy that a second one has."""

    __slots__ = ("_attempts", "_call", "_candidates", "_group", "_hedging", "_try", "_try_beside")

    def __init__(
        self,
        hedging: Hedging,
        attempts: Attempts,
        call: Call,
        candidates: Sequence[Deployment],
        try_one: Try,
        try_beside: TryAs,
    ) -> None:
        self._hedging = hedging
        self._attempts = attempts
        self._call = call
        self._group = call.group
        self._candidates = candidates
        self._try = try_one
        self._try_beside = try_beside

    async def try_one(self, deployment: Deployment) -> Reply | Stream:
        """One attempt, or two at a time. Raises NovaError, the first attempt's."""
        started = time.monotonic()
        patience = self._hedging.patience(self._group)
        other = next((each for each in self._candidates if each.id != deployment.id), None)
        if patience is None or other is None or self._call.attempts:
            answer = await self._try(deployment)
        else:
            answer = await self._race(deployment, other, patience)
        self._hedging.learn(self._group, time.monotonic() - started)
        return answer

    async def _race(self, deployment: Deployment, other: Deployment, patience: float) -> Outcome:
        started = time.monotonic()
        first = _begin(self._try(deployment))
        try:
            done, _ = await asyncio.wait((first,), timeout=patience)
            if done or not self._hedging.spend():
                return await first
            self._call.note("hedge", other.id, f"{deployment.id} gave no answer within {patience:.3f} s")
            return await self._both(deployment, started, first, other)
        except BaseException:
            await asyncio.shield(_stop(first))
            raise

    async def _both(self, deployment: Deployment, started: float, first: Running, other: Deployment) -> Outcome:
        """The answer of the first attempt, or of a second one that is quicker; the other is accounted for."""
        fork = copy.copy(self._call)
        fork.deployment = other
        again = time.monotonic()
        second = _begin(self._try_beside(fork)(other))
        try:
            winner = await _winner(first, second)
            await _stop(second if winner is first else first)
        except BaseException:
            await asyncio.shield(_stop(second))
            self._lost(other, again, second)
            raise
        if winner is first:
            self._lost(other, again, second)
            return first.result()
        self._lost(deployment, started, first)
        for name in OF_THE_WINNER:
            setattr(self._call, name, getattr(fork, name))
        self._call.upstream_seconds = max(self._call.upstream_seconds, fork.upstream_seconds)
        self._attempts.won(other, again, self._group)
        return second.result()

    def _lost(self, deployment: Deployment, started: float, attempt: Running) -> None:
        """Account for the attempt that did not win."""
        failure = None if attempt.cancelled() else attempt.exception()
        if isinstance(failure, AtLimitError):
            return
        if failure is not None:
            with suppress(InternalServerError):
                self._attempts.failed(deployment, started, failure, self._group, "several")
            return
        late = ClientClosedError("another deployment answered first", code="hedge_lost")
        self._attempts.note(deployment, started, late, self._group)


def _begin(attempt: Awaitable[Outcome]) -> Running:
    return asyncio.ensure_future(attempt)


async def _winner(first: Running, second: Running) -> Running:
    """Who answers first; the first attempt where both do, or both fail."""
    await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
    for running, rest in ((first, second), (second, first)):
        if running.done() and running.exception() is not None and not rest.done():
            await asyncio.wait((rest,))
    return second if second.done() and second.exception() is None and not _answered(first) else first


def _answered(attempt: Running) -> bool:
    return attempt.done() and attempt.exception() is None


async def _stop(attempt: Running) -> None:
    """End an attempt that lost; what it has answered already is closed."""
    attempt.cancel()
    await asyncio.wait((attempt,))
    if not attempt.cancelled() and attempt.exception() is None and isinstance(answer := attempt.result(), Stream):
        await answer.aclose()
