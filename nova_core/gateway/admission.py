"""Attempts within the limits of deployments: what is taken before one is given back on every way out."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from nova_core.errors import NovaError
from nova_core.gateway.limits import AtLimitError, DeploymentLimits, no_room
from nova_core.stores import Taken
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.usage import Usage

PROMPT = ("messages", "input", "prompt", "system", "tools", "instructions", "contents", "query", "documents")
MOST_OUTPUT = ("max_completion_tokens", "max_tokens", "max_output_tokens")
BYTES_A_TOKEN = 4
UNUSED = Usage()

Try = Callable[[Deployment], Awaitable[Reply | Stream]]


def estimated_tokens(request: Request) -> int:
    """Tokens a call may need: a quarter of its prompt's bytes, and the output it asks for at most."""
    members = request.members
    prompt = sum(_size(members[name]) for name in PROMPT if name in members)
    asked = next((most for name in MOST_OUTPUT if isinstance(most := request.get(name), int) and most > 0), 0)
    return prompt // BYTES_A_TOKEN + 1 + asked


def _size(value: object) -> int:
    if isinstance(value, msgspec.Raw):
        return len(memoryview(value))
    return len(value) if isinstance(value, str | bytes) else len(msgspec.json.encode(value))


class Admission:
    """Wraps the attempts of one call. An attempt without room raises AtLimitError, and nothing is sent.

    `account` is where the usage of a stream is written: the call itself, or that of which it is a copy.
    """

    __slots__ = ("_account", "_call", "_granted", "_limits", "_request", "_tokens", "_try")

    def __init__(self, limits: DeploymentLimits, call: Call, request: Request, try_one: Try, *, account: Call) -> None:
        self._account = account
        self._limits = limits
        self._call = call
        self._request = request
        self._try = try_one
        self._tokens: int | None = None
        self._granted: dict[str, Taken] = {}

    async def try_one(self, deployment: Deployment) -> Reply | Stream:
        """One attempt. Raises NovaError."""
        limits, call = self._limits, self._call
        allowance = limits.allowances.get(deployment.id)
        if allowance is None:
            return await self._try(deployment)
        taken = self._granted.pop(deployment.id, None)
        if taken is None:
            taken = await limits.take(deployment, allowance, self._estimate() if allowance.tokens is not None else 0)
        upstream_seconds = call.upstream_seconds
        try:
            answer = await self._try(deployment)
        except NovaError:
            if call.upstream_seconds == upstream_seconds:
                limits.release(taken)
            else:
                limits.settle(taken, deployment, UNUSED)
            raise
        except BaseException:
            limits.settle(taken, deployment, None)
            raise
        if isinstance(answer, Reply):
            limits.settle(taken, deployment, answer.usage)
            return answer

        async def settle() -> None:
            limits.settle(taken, deployment, self._account.usage)

        answer.on_close(settle)
        return answer

    async def wait(self, refusals: Sequence[AtLimitError], group: str) -> Deployment:
        """The deployment that has room now, kept for the next attempt at it. Raises NoDeploymentError.

        Of those that run as many calls as they may, the one with the fewest waiting is waited for.
        """
        limits, call = self._limits, self._call
        busy = [each for each in refusals if each.is_busy]
        seconds = limits.queue_seconds
        if call.deadline is not None:
            seconds = min(seconds, call.deadline - time.monotonic())
        if not busy or seconds <= 0:
            raise no_room(refusals, group)
        deployment = min((each.deployment for each in busy), key=limits.waiting)
        call.note("queue", deployment.id, f"all {len(refusals)} candidates are at their limits")
        try:
            self._granted[deployment.id] = await limits.wait(deployment, self._estimate(), seconds)
        except AtLimitError as refusal:
            raise no_room((*refusals, refusal), group) from None
        return deployment

    def _estimate(self) -> int:
        if self._tokens is None:
            self._tokens = estimated_tokens(self._request)
        return self._tokens
