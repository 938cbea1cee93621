"""Who rests after failing, who is tried again by one call, and what others are told."""

from __future__ import annotations

import pytest

from nova_core.errors import (
    APIConnectionError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    RateLimitedError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from nova_core.gateway.cooldowns import Cooldowns, Rule
from nova_core.types.deployment import Deployment

LIMITED = RateLimitedError("slow down")
BROKEN = InternalServerError("down")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def deployment(name: str = "a", **fields: object) -> Deployment:
    return Deployment(id=name, group="gpt", provider="echo", model=name, **fields)  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cooldowns(clock: Clock) -> Cooldowns:
    return Cooldowns(clock)


def test_after_its_rest_one_call_tries_and_the_others_keep_away(cooldowns: Cooldowns, clock: Clock) -> None:
    cooldowns.failed(deployment(), LIMITED, Rule())
    clock.now = 5.0
    assert not cooldowns.cooling()
    cooldowns.begin(deployment())
    assert "a" in cooldowns.cooling()
    cooldowns.succeeded(deployment())
    assert not cooldowns.cooling() and not cooldowns.recovering


def test_a_trial_that_fails_is_another_rest_whatever_the_failure(cooldowns: Cooldowns, clock: Clock) -> None:
    cooldowns.failed(deployment(), LIMITED, Rule())
    for moment in (5.0, 20.0):
        clock.now = moment
        assert not cooldowns.cooling()
        cooldowns.begin(deployment())
        cooldowns.failed(deployment(), APIConnectionError("refused"), Rule(allowed=100))
        assert cooldowns.cooling() == {"a": moment + 5}


def test_a_trial_that_the_upstream_answers_with_the_callers_mistake_is_passed(
    cooldowns: Cooldowns, clock: Clock
) -> None:
    cooldowns.failed(deployment(), LIMITED, Rule())
    clock.now = 5.0
    assert not cooldowns.cooling()
    cooldowns.begin(deployment())
    cooldowns.failed(deployment(), BadRequestError("no"), Rule())
    assert not cooldowns.cooling() and not cooldowns.recovering


def test_a_trial_whose_caller_left_is_free_for_the_next_and_one_that_is_lost_in_a_minute(
    cooldowns: Cooldowns, clock: Clock
) -> None:
    cooldowns.failed(deployment(), LIMITED, Rule())
    clock.now = 5.0
    cooldowns.cooling()
    cooldowns.begin(deployment())
    cooldowns.abandoned(deployment())
    assert not cooldowns.cooling()
    cooldowns.begin(deployment())
    clock.now = 64.0
    assert "a" in cooldowns.cooling()
    clock.now = 66.0
    assert not cooldowns.cooling()


def test_failures_are_allowed_by_kind(cooldowns: Cooldowns) -> None:
    rule = Rule(by_kind={InternalServerError: 1, RateLimitedError: 0})
    cooldowns.failed(deployment(), BROKEN, rule)
    cooldowns.failed(deployment(), ServiceUnavailableError("x"), rule)
    assert not cooldowns.cooling()
    cooldowns.failed(deployment(), BROKEN, rule)
    assert "a" in cooldowns.cooling()
    cooldowns.failed(deployment("b"), LIMITED, rule)
    assert "b" in cooldowns.cooling()


def test_a_deployment_may_name_errors_that_otherwise_say_nothing_about_it(cooldowns: Cooldowns) -> None:
    picky = deployment(info={"allowed_fails_policy": {"BadRequestErrorAllowedFails": 1}})
    for _ in range(2):
        cooldowns.failed(picky, BadRequestError("x"), Rule().of(picky))
    assert "a" in cooldowns.cooling()


def test_a_deployments_own_number_and_time_go_first(cooldowns: Cooldowns) -> None:
    own = deployment(info={"allowed_fails": 0}, cooldown_time=42.0)
    rule = Rule(allowed=50, by_kind={InternalServerError: 50}).of(own)
    cooldowns.failed(own, InternalServerError("x", retry_after=7), rule)
    assert cooldowns.cooling() == {"a": 42.0}


def test_a_deployment_whose_time_is_zero_never_rests(cooldowns: Cooldowns) -> None:
    never = deployment(cooldown_time=0.0)
    cooldowns.failed(never, RateLimitedError("x", retry_after=9), Rule().of(never))
    cooldowns.failed(deployment("b"), RateLimitedError("x", retry_after=9), Rule(seconds=0))
    assert not cooldowns.cooling()


def test_the_upstreams_wait_is_kept_up_to_five_minutes(cooldowns: Cooldowns) -> None:
    cooldowns.failed(deployment("a"), RateLimitedError("x", retry_after=90), Rule())
    cooldowns.failed(deployment("b"), RateLimitedError("x", retry_after=9000), Rule())
    assert cooldowns.cooling() == {"a": 90.0, "b": 300.0}


def test_the_share_of_failures_and_the_least_number_of_calls_can_be_set(cooldowns: Cooldowns) -> None:
    rule = Rule(share=0.1, least=3)
    cooldowns.succeeded(deployment())
    cooldowns.failed(deployment(), BROKEN, rule)
    assert not cooldowns.cooling()
    cooldowns.failed(deployment(), BROKEN, rule)
    assert "a" in cooldowns.cooling()


def test_callers_mistakes_are_no_failures_of_the_deployment(cooldowns: Cooldowns) -> None:
    for _ in range(9):
        cooldowns.failed(deployment(), BadRequestError("x"), Rule())
    cooldowns.failed(deployment(), BROKEN, Rule())
    assert not cooldowns.cooling()


@pytest.mark.parametrize(
    ("error", "rests"),
    [
        (AuthenticationError("x"), False),
        (NotFoundError("x"), False),
        (RateLimitedError("x"), True),
        (RequestTimeoutError("x"), True),
        (InternalServerError("x"), True),
    ],
)
def test_the_last_one_awake_does_not_rest_for_what_may_be_the_requests_fault(
    cooldowns: Cooldowns, error: InternalServerError, rests: bool
) -> None:
    for _ in range(9):
        cooldowns.failed(deployment(), error, Rule(), "last")
    assert ("a" in cooldowns.cooling()) is rests


def test_others_are_told_and_heard(cooldowns: Cooldowns, clock: Clock) -> None:
    told: list[tuple[str, float]] = []
    cooldowns.publish = lambda name, seconds: told.append((name, seconds))
    cooldowns.failed(deployment(), LIMITED, Rule())
    clock.now = 5.0
    assert not cooldowns.cooling()
    cooldowns.succeeded(deployment())
    assert told == [("a", 5.0), ("a", 0.0)]
    cooldowns.adopt({"b": 30.0})
    assert cooldowns.cooling() == {"b": 35.0}
    cooldowns.adopt({})
    assert not cooldowns.cooling()


def test_a_rest_of_ones_own_is_not_ended_by_others(cooldowns: Cooldowns) -> None:
    cooldowns.failed(deployment(), RateLimitedError("x", retry_after=60), Rule())
    cooldowns.adopt({"a": 3.0})
    cooldowns.adopt({})
    assert cooldowns.cooling() == {"a": 60.0}


def test_what_is_configured_no_longer_is_forgotten(cooldowns: Cooldowns, clock: Clock) -> None:
    for name in "abc":
        cooldowns.failed(deployment(name), LIMITED, Rule())
    cooldowns.forget_all_but(frozenset("b"))
    assert set(cooldowns.cooling()) == {"b"}
    clock.now = 5.0
    cooldowns.cooling()
    cooldowns.forget_all_but(frozenset())
    assert not cooldowns.recovering
