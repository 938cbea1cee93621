"""Tries the candidates of one model group: retries, another deployment first, backoff, deadlines."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from nova_core.errors import ClientClosedError, InternalServerError, NovaError, RequestTimeoutError
from nova_core.gateway.cooldowns import Cooldowns, Standing
from nova_core.gateway.fallbacks import FallbackPlan
from nova_core.gateway.limits import AtLimitError
from nova_core.gateway.policy import Policy
from nova_core.gateway.retrying import backoff, is_worth_retrying, retries_for, speaks_of_deployment
from nova_core.gateway.routing import COOLDOWN
from nova_core.types.call import Attempt, Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Stream

logger = logging.getLogger("nova.gateway")

Try = Callable[[Deployment], Awaitable[Reply | Stream]]
Observer = Callable[[Call, Attempt], None]
Sleep = Callable[[float], Awaitable[None]]
Levels = Sequence[Sequence[Deployment]]


class Queue(Protocol):
    """Where a call waits when every candidate is at its limit."""

    async def wait(self, refusals: Sequence[AtLimitError], group: str) -> Deployment:
        """The deployment that has room now, and keeps it for this call. Raises NoDeploymentError."""
        ...


class Attempts:
    """Attempts of one call in one group of candidates, in the order that routing gave them.

    `plan` knows which groups follow. `queue` is where to wait for room, and needed where there are limits.
    """

    __slots__ = ("_call", "_cooldowns", "_observe", "_plan", "_policy", "_sleep", "queue")

    def __init__(
        self,
        call: Call,
        policy: Policy,
        cooldowns: Cooldowns,
        observe: Observer | None = None,
        plan: FallbackPlan | None = None,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._call = call
        self._policy = policy
        self._cooldowns = cooldowns
        self._observe = observe
        self._sleep = sleep
        self._plan = plan
        self.queue: Queue | None = None

    async def run(self, levels: Levels, try_one: Try, *, group: str, since: float | None = None) -> Reply | Stream:
        """The first answer. Each order level gets its own retries; raises the last error when all failed.

        `since` is when the first attempt began, if it did before (`time.monotonic()` seconds).
        """
        call, cooldowns = self._call, self._cooldowns
        error: NovaError | None = None
        refusals: list[AtLimitError] = []
        for level in levels:
            untried = list(level)
            deployment: Deployment | None = untried.pop(0)
            number = 0
            while deployment is not None:
                started = time.monotonic() if since is None else since
                since = None
                call.deployment = deployment
                if cooldowns.recovering:
                    cooldowns.begin(deployment)
                try:
                    answer = await try_one(deployment)
                except AtLimitError as refusal:
                    cooldowns.abandoned(deployment)
                    refusals.append(refusal)
                    call.note("limits", deployment.id, refusal.message)
                    level = [each for each in level if each is not deployment]
                    deployment = untried.pop(0) if untried else None
                    if deployment is not None or error is None or not level:
                        continue
                except BaseException as failure:
                    standing = self._standing(levels, deployment)
                    error = self.failed(deployment, started, failure, group, standing)
                else:
                    # Where a second attempt has won, the call names its deployment, and `won` has counted it.
                    if call.deployment is deployment or call.deployment.id == deployment.id:
                        cooldowns.succeeded(deployment)
                        self.note(deployment, started, None, group)
                    return answer
                deployment = await self._next(error, number, level, untried, group)
                number += 1
            if error is not None and not (error.retryable or speaks_of_deployment(error)):
                break
        if error is not None:
            raise error
        assert self.queue is not None, "only limits refuse"
        call.deployment = None
        ready = await self.queue.wait(refusals, group)
        return await self.run(((ready,),), try_one, group=group)

    def failed(
        self, deployment: Deployment, started: float, failure: BaseException, group: str, standing: Standing
    ) -> NovaError:
        """The error of an attempt, counted and noted. Raises what is none: a cancellation, a fault of a provider."""
        error: NovaError | None = None
        try:
            if isinstance(failure, NovaError):
                error = failure
                self._count_failure(deployment, error, standing)
                return error.at(provider=deployment.provider, deployment_id=deployment.id, model=group)
            self._cooldowns.abandoned(deployment)
            if not isinstance(failure, Exception):
                error = ClientClosedError("the caller left")
                raise failure
            logger.error("call %s: provider '%s' raised", self._call.id, deployment.provider, exc_info=failure)
            error = InternalServerError(f"provider '{deployment.provider}' failed: {type(failure).__name__}")
            error.at(provider=deployment.provider, deployment_id=deployment.id, model=group)
            raise error from failure
        finally:
            self.note(deployment, started, error, group)

    def won(self, deployment: Deployment, started: float, group: str) -> None:
        """Count and note an attempt that answered beside the one that was made first."""
        self._cooldowns.succeeded(deployment)
        self.note(deployment, started, None, group)

    def note(self, deployment: Deployment, started: float, error: NovaError | None, group: str) -> None:
        """Write an attempt that is over into the call's record, and tell who observes."""
        attempt = note_attempt(self._call, deployment, started, error, group)
        if self._observe is not None:
            self._observe(self._call, attempt)

    async def _next(
        self, error: NovaError, number: int, level: Sequence[Deployment], untried: list[Deployment], group: str
    ) -> Deployment | None:
        """Who is tried after an error, when it is time; None when nobody is. Raises past the deadline."""
        policy, call = self._policy, self._call
        cooling = self._cooldowns.cooling()
        if cooling:
            untried[:] = [each for each in untried if each.id not in cooling]
        if len(call.attempts) >= policy.max_attempts:
            call.note("attempts", "no more", f"a call has {policy.max_attempts} at most")
            return None
        if number >= retries_for(error, call, level[0], policy, group):
            return None
        follows = self._plan is not None and self._plan.follows(error)
        if not is_worth_retrying(error, policy, group=group, has_sibling=bool(untried), has_fallback=follows):
            return None
        if untried:
            return untried.pop(0)
        awake = [each for each in level if each.id not in cooling] or level
        await self._wait(backoff(error, number, policy.retry_after), error)
        return awake[(number + 1) % len(awake)]

    async def _wait(self, seconds: float, error: NovaError) -> None:
        deadline = self._call.deadline
        if deadline is not None and time.monotonic() + seconds >= deadline:
            raise error
        await self._sleep(seconds)

    def _standing(self, levels: Levels, deployment: Deployment) -> Standing:
        """How the deployment stands, when it fails, among all that fitted the call, those that rest included."""
        cooling = self._cooldowns.cooling()
        if any(each.id not in cooling and each.id != deployment.id for level in levels for each in level):
            return "several"
        changes = self._call.routed[-1].changes if self._call.routed else ()
        fitted = next((change.before for change in changes if change.step == COOLDOWN), ())
        others = (*fitted, *(each for level in levels for each in level))
        return "last" if any(each.id in cooling and each.id != deployment.id for each in others) else "alone"

    def _count_failure(self, deployment: Deployment, error: NovaError, standing: Standing) -> None:
        options = self._call.options
        asked = options.timeout is not None or (self._call.streaming and options.stream_timeout is not None)
        is_callers = options.mock_response is not None or (asked and isinstance(error, RequestTimeoutError))
        if self._policy.disable_cooldowns or is_callers:
            self._cooldowns.abandoned(deployment)
            return
        self._cooldowns.failed(deployment, error, self._policy.cooldowns.of(deployment), standing)


def note_attempt(call: Call, deployment: Deployment, started: float, error: NovaError | None, group: str) -> Attempt:
    """Write an attempt that is over into a call's record."""
    seconds = time.monotonic() - started
    attempt = Attempt(len(call.attempts) + 1, group, deployment, started, seconds, error)
    call.attempts.append(attempt)
    return attempt


def put_last(levels: Levels, name: str) -> tuple[tuple[Deployment, ...], ...]:
    """The levels with this deployment after all others."""
    kept = tuple(tuple(each for each in level if each.id != name) for level in levels)
    last = tuple(each for level in levels for each in level if each.id == name)
    return tuple(level for level in (*kept, last) if level)
