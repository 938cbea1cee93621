"""Tries the candidates of one model group: retries, another deployment first, backoff, deadlines."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random

from nova_core.errors import (
    AuthenticationError,
    InternalServerError,
    ModelNotFoundError,
    NotFoundError,
    NovaError,
    PaymentRequiredError,
    PermissionDeniedError,
    RequestTimeoutError,
)
from nova_core.gateway.cooldowns import Cooldowns
from nova_core.gateway.policy import Policy
from nova_core.types.call import Attempt, Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Stream

logger = logging.getLogger("nova.gateway")

LONGEST_HONOURED_WAIT = 60.0
LONGEST_BACKOFF = 8.0
FIRST_BACKOFF = 0.5
JITTER = 0.75

Try = Callable[[Deployment], Awaitable[Reply | Stream]]
Observer = Callable[[Call, Attempt], None]
Sleep = Callable[[float], Awaitable[None]]


class Attempts:
    """Attempts of one call in one group of candidates, in the order that routing gave them."""

    def __init__(
        self, call: Call, policy: Policy, cooldowns: Cooldowns, observe: Observer, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._call = call
        self._policy = policy
        self._cooldowns = cooldowns
        self._observe = observe
        self._sleep = sleep

    async def run(self, levels: Sequence[Sequence[Deployment]], try_one: Try, *, group: str) -> Reply | Stream:
        """The first answer. Each order level gets its own retries; raises the last error when all failed."""
        alone = sum(len(level) for level in levels) == 1
        error: NovaError | None = None
        for level in levels:
            try:
                return await self._level(level, try_one, group=group, alone=alone)
            except NovaError as failure:
                error = failure
                if not (failure.retryable or speaks_of_deployment(failure)):
                    raise
        assert error is not None
        raise error

    async def _level(self, level: Sequence[Deployment], try_one: Try, *, group: str, alone: bool) -> Reply | Stream:
        untried = list(level)
        retries = self._policy.retries(self._call, level[0])
        number = 0
        while True:
            deployment = untried.pop(0) if untried else level[number % len(level)]
            try:
                return await self._one(deployment, try_one, group=group, alone=alone)
            except NovaError as error:
                sibling = bool(untried)
                if number >= retries or not _worth_retrying(error, sibling):
                    raise
                await self._wait(error, number, sibling)
            number += 1

    async def _one(self, deployment: Deployment, try_one: Try, *, group: str, alone: bool) -> Reply | Stream:
        call = self._call
        started = time.monotonic()
        call.deployment = deployment
        error: NovaError | None = None
        try:
            answer = await try_one(deployment)
            self._cooldowns.succeeded(deployment)
            return answer
        except NovaError as failure:
            error = failure
            self._count_failure(deployment, failure, alone)
            failure.at(provider=deployment.provider, deployment_id=deployment.id, model=group)
            raise
        except Exception as failure:
            logger.exception("call %s: provider '%s' raised", call.id, deployment.provider)
            error = InternalServerError(f"provider '{deployment.provider}' failed: {type(failure).__name__}")
            error.at(provider=deployment.provider, deployment_id=deployment.id, model=group)
            raise error from failure
        finally:
            seconds = time.monotonic() - started
            attempt = Attempt(len(call.attempts) + 1, group, deployment, started, seconds, error)
            call.attempts.append(attempt)
            self._observe(call, attempt)

    def _count_failure(self, deployment: Deployment, error: NovaError, alone: bool) -> None:
        own_deadline = isinstance(error, RequestTimeoutError) and self._call.options.timeout is not None
        if self._policy.disable_cooldowns or own_deadline:
            return
        seconds = deployment.cooldown_time if deployment.cooldown_time is not None else self._policy.cooldown_time
        allowed = self._policy.allowed_fails
        self._cooldowns.failed(deployment, error, alone=alone, seconds=seconds, allowed=allowed)

    async def _wait(self, error: NovaError, number: int, sibling: bool) -> None:
        """Sleep before the next attempt: not at all when another deployment takes it. Raises past the deadline."""
        if sibling:
            return
        seconds = backoff(error, number, self._policy.retry_after)
        deadline = self._call.deadline
        if deadline is not None and time.monotonic() + seconds >= deadline:
            raise error
        await self._sleep(seconds)


def backoff(error: NovaError, number: int, least: float, random: Random | None = None) -> float:
    """Seconds to wait: the upstream's Retry-After up to a minute plus jitter, else exponential up to 8 s."""
    jitter = (random or Random()).random() * JITTER
    if error.retry_after is not None and 0 < error.retry_after <= LONGEST_HONOURED_WAIT:
        return max(least, error.retry_after + jitter)
    return max(least, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0**number) * (1 - jitter / 3))


def speaks_of_deployment(error: NovaError) -> bool:
    """Errors that another deployment may not have: its key, credit, permission or model name is wrong."""
    if isinstance(error, ModelNotFoundError) and not error.from_upstream:
        return False
    return isinstance(error, AuthenticationError | PaymentRequiredError | PermissionDeniedError | NotFoundError)


def _worth_retrying(error: NovaError, sibling: bool) -> bool:
    if error.retryable:
        return True
    return sibling and isinstance(error, AuthenticationError | PaymentRequiredError)
