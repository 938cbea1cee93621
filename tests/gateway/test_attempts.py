"""Retries, another deployment first, backoff, cooldowns and fallbacks, decided without a network."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from nova_core.errors import (
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NovaError,
    PermissionDeniedError,
    RateLimitedError,
)
from nova_core.gateway.attempts import Attempts
from nova_core.gateway.cooldowns import Cooldowns, Rule
from nova_core.gateway.fallbacks import FallbackPlan
from nova_core.gateway.policy import Policy
from nova_core.gateway.retrying import backoff
from nova_core.types.call import Attempt, Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.principal import Principal
from nova_core.wire.openai_chat import OPENAI_CHAT

FINE = Reply("chat", OPENAI_CHAT, {"choices": []})


def deployment(name: str, **fields: object) -> Deployment:
    return Deployment(id=name, group="gpt", provider="echo", model=name, **fields)  # type: ignore[arg-type]


def new_call(**options: object) -> Call:
    request = Request("chat", OPENAI_CHAT, {"model": "gpt", "messages": []})
    return Call(request, options=CallOptions(**options))  # type: ignore[arg-type]


class Bench:
    """Runs attempts against scripted outcomes and notes what was asked and how long it slept."""

    def __init__(self, policy: Policy | None = None, **options: object) -> None:
        self.asked: list[str] = []
        self.slept: list[float] = []
        self.call = new_call(**options)
        self.cooldowns = Cooldowns()
        self.attempts = Attempts(self.call, policy or Policy(), self.cooldowns, self._observe, sleep=self._sleep)

    async def run(self, script: Sequence[NovaError | Reply], *levels: Sequence[Deployment]) -> Reply:
        outcomes = list(script)

        async def try_one(deployment: Deployment) -> Reply:
            self.asked.append(deployment.id)
            outcome = outcomes.pop(0)
            if isinstance(outcome, NovaError):
                raise outcome
            return outcome

        answer = await self.attempts.run(levels, try_one, group="gpt")
        assert isinstance(answer, Reply)
        return answer

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def _observe(self, call: Call, attempt: Attempt) -> None:
        assert call.attempts[-1] is attempt


async def test_another_healthy_deployment_is_tried_first_and_without_waiting() -> None:
    bench = Bench()
    assert await bench.run([InternalServerError("down"), FINE], [deployment("a"), deployment("b")]) is FINE
    assert bench.asked == ["a", "b"] and bench.slept == []


async def test_the_only_deployment_is_retried_after_a_wait() -> None:
    bench = Bench()
    await bench.run([InternalServerError("down"), InternalServerError("down"), FINE], [deployment("a")])
    assert bench.asked == ["a", "a", "a"]
    assert 0 < bench.slept[0] <= 0.5 < bench.slept[1] <= 1.0


async def test_num_retries_zero_counts() -> None:
    bench = Bench(num_retries=0)
    with pytest.raises(InternalServerError):
        await bench.run([InternalServerError("down"), FINE], [deployment("a"), deployment("b")])
    assert bench.asked == ["a"]


async def test_the_deployments_own_retries_beat_the_general_ones() -> None:
    bench = Bench(Policy(num_retries=5))
    with pytest.raises(InternalServerError):
        await bench.run([InternalServerError("down")] * 2, [deployment("a", num_retries=1)])
    assert len(bench.asked) == 2


async def test_a_bad_request_is_not_retried() -> None:
    bench = Bench()
    with pytest.raises(BadRequestError):
        await bench.run([BadRequestError("no")], [deployment("a"), deployment("b")])
    assert bench.asked == ["a"]


async def test_a_wrong_key_is_only_worth_another_deployment() -> None:
    bench = Bench()
    await bench.run([AuthenticationError("key"), FINE], [deployment("a"), deployment("b")])
    assert bench.asked == ["a", "b"]
    alone = Bench()
    with pytest.raises(AuthenticationError):
        await alone.run([AuthenticationError("key")], [deployment("a")])


async def test_403_is_not_retried() -> None:
    bench = Bench()
    with pytest.raises(PermissionDeniedError):
        await bench.run([PermissionDeniedError("no")], [deployment("a"), deployment("b")])
    assert bench.asked == ["a"]


async def test_the_next_order_level_is_tried_when_a_level_is_exhausted() -> None:
    bench = Bench(num_retries=0)
    assert await bench.run([InternalServerError("down"), FINE], [deployment("a")], [deployment("b")]) is FINE
    assert bench.asked == ["a", "b"]


async def test_retry_after_of_the_upstream_is_honoured() -> None:
    bench = Bench()
    await bench.run([RateLimitedError("slow down", retry_after=7), FINE], [deployment("a")])
    assert 7 <= bench.slept[0] < 8


async def test_the_error_says_where_it_happened() -> None:
    bench = Bench(num_retries=0)
    with pytest.raises(InternalServerError) as caught:
        await bench.run([InternalServerError("down")], [deployment("a")])
    assert (caught.value.provider, caught.value.deployment_id, caught.value.model) == ("echo", "a", "gpt")


def test_backoff_doubles_up_to_eight_seconds() -> None:
    waits = [backoff(InternalServerError("x"), number, 0.0, Random(1)) for number in range(8)]
    assert all(0.75 * min(8, 0.5 * 2**n) <= wait <= min(8, 0.5 * 2**n) for n, wait in enumerate(waits))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_limited_deployment_rests_at_once_unless_it_is_alone() -> None:
    clock = Clock()
    cooldowns = Cooldowns(clock)
    cooldowns.failed(deployment("a"), RateLimitedError("x"), Rule(), "alone")
    assert cooldowns.cooling() == {}
    cooldowns.failed(deployment("a"), RateLimitedError("x"), Rule())
    assert cooldowns.cooling() == {"a": 5.0}
    clock.now = 5.0
    assert cooldowns.cooling() == {}


def test_server_errors_cool_down_once_most_calls_of_a_minute_failed() -> None:
    cooldowns = Cooldowns(Clock())
    for _ in range(4):
        cooldowns.failed(deployment("a"), InternalServerError("x"), Rule())
    assert not cooldowns.cooling()
    cooldowns.failed(deployment("a"), InternalServerError("x"), Rule())
    assert "a" in cooldowns.cooling()


def test_allowed_fails_says_how_many_failures_a_minute_may_have() -> None:
    cooldowns = Cooldowns(Clock())
    for _ in range(2):
        cooldowns.failed(deployment("a"), RateLimitedError("x"), Rule(allowed=2))
    assert not cooldowns.cooling()
    cooldowns.failed(deployment("a"), InternalServerError("x"), Rule(allowed=2))
    assert "a" in cooldowns.cooling()


def test_a_callers_own_mistake_never_cools_a_deployment() -> None:
    cooldowns = Cooldowns(Clock())
    for _ in range(20):
        cooldowns.failed(deployment("a"), BadRequestError("x"), Rule())
    assert not cooldowns.cooling()


def test_wildcard_deployments_never_rest() -> None:
    cooldowns = Cooldowns(Clock())
    wildcard = Deployment(id="w", group="vendor/*", provider="echo", model="*")
    cooldowns.failed(wildcard, RateLimitedError("x"), Rule())
    assert not cooldowns.cooling()


def groups(call: Call, policy: Policy) -> list[str]:
    return list(FallbackPlan(call, policy, first="gpt"))


def test_fallbacks_follow_each_other_without_cycles() -> None:
    policy = Policy(fallbacks={"gpt": ("a", "b"), "a": ("c", "gpt"), "*": ("last",)})
    assert groups(new_call(), policy) == ["gpt", "a", "c", "last", "b"]


def test_the_number_of_fallbacks_is_bounded() -> None:
    policy = Policy(fallbacks={str(n): (str(n + 1),) for n in range(50)} | {"gpt": ("0",)}, max_fallbacks=3)
    assert groups(new_call(), policy) == ["gpt", "0", "1", "2"]


def test_the_callers_fallbacks_replace_the_configured_ones_and_can_be_switched_off() -> None:
    policy = Policy(fallbacks={"gpt": ("a",)})
    assert groups(new_call(fallbacks=("mine",)), policy) == ["gpt", "mine"]
    assert groups(new_call(disable_fallbacks=True), policy) == ["gpt"]


def test_a_fallback_that_the_key_may_not_call_is_left_out_and_noted() -> None:
    call = new_call()
    call.principal = Principal(id="k", models=("gpt", "b"))
    assert groups(call, Policy(fallbacks={"gpt": ("a", "b")})) == ["gpt", "b"]
    assert call.notes[0].what == "a left out"
