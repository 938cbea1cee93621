"""Which errors are tried again, how often, and who says so."""

from __future__ import annotations

import pytest

from nova_core.config.check import read_settings
from nova_core.config.loader import from_mapping
from nova_core.errors import (
    AuthenticationError,
    BadRequestError,
    ContextWindowExceededError,
    InternalServerError,
    NotFoundError,
    NovaError,
    PermissionDeniedError,
    RateLimitedError,
    RequestTimeoutError,
    UnprocessableEntityError,
)
from nova_core.gateway.by_error import KINDS, counts_of
from nova_core.gateway.policy import Policy
from nova_core.gateway.retrying import RETRIES, is_worth_retrying, retries_for
from nova_core.gateway.runtime import policy_of
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.wire.openai_chat import OPENAI_CHAT

PLAIN = Deployment(id="a", group="gpt", provider="echo", model="a")


def retries(error: NovaError, policy: Policy, deployment: Deployment = PLAIN, **options: object) -> int:
    request = Request("chat", OPENAI_CHAT, {"model": "gpt", "messages": []})
    call = Call(request, options=CallOptions(**options))  # type: ignore[arg-type]
    return retries_for(error, call, deployment, policy, "gpt")


def worth(error: NovaError, policy: Policy | None = None, *, sibling: bool = False, fallback: bool = False) -> bool:
    return is_worth_retrying(error, policy or Policy(), group="gpt", has_sibling=sibling, has_fallback=fallback)


def stated(**numbers: int) -> Policy:
    return Policy(num_retries=7, retry_policy=counts_of(numbers, RETRIES))


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_kind_of_error_has_a_number_of_its_own(name: str) -> None:
    policy = stated(**{f"{name}Retries": 3})
    assert retries(KINDS[name]("x"), policy) == 3
    other = NotFoundError("x") if name != "NotFoundError" else BadRequestError("x")
    assert retries(other, policy) == (3 if name == "Default" else 7)


def test_the_nearest_kind_counts() -> None:
    policy = stated(BadRequestErrorRetries=1, DefaultRetries=4)
    assert retries(ContextWindowExceededError("x"), policy) == 1
    assert retries(UnprocessableEntityError("x"), policy) == 4


def test_the_groups_policy_replaces_the_general_one() -> None:
    own = counts_of({"RateLimitErrorRetries": 5}, RETRIES)
    policy = Policy(retry_policy=counts_of({"TimeoutErrorRetries": 0}, RETRIES), group_retry_policies={"gpt": own})
    assert retries(RateLimitedError("x"), policy) == 5
    assert retries(RequestTimeoutError("x"), policy) == 2


def test_a_caller_who_wants_no_retries_gets_none() -> None:
    policy = stated(RateLimitErrorRetries=3)
    assert retries(RateLimitedError("x"), policy, num_retries=0) == 0
    assert retries(RateLimitedError("x"), policy, num_retries=1) == 3
    assert retries(InternalServerError("x"), policy, num_retries=1) == 1


def test_an_error_that_the_operator_names_is_tried_again_be_it_hopeless() -> None:
    assert not worth(BadRequestError("x"))
    assert worth(BadRequestError("x"), stated(BadRequestErrorRetries=1))
    assert not worth(BadRequestError("x"), stated(DefaultRetries=1))


def test_a_rate_limit_is_left_to_a_fallback_rather_than_waited_for() -> None:
    assert worth(RateLimitedError("x"))
    assert worth(RateLimitedError("x"), sibling=True, fallback=True)
    assert not worth(RateLimitedError("x"), fallback=True)


def test_what_another_deployment_may_answer_is_only_tried_there() -> None:
    assert worth(AuthenticationError("x"), sibling=True) and not worth(AuthenticationError("x"))
    assert not worth(PermissionDeniedError("x"), sibling=True)


def test_the_configuration_reads_the_policies() -> None:
    section = {
        "retry_policy": {"TimeoutErrorRetries": 4},
        "model_group_retry_policy": {"gpt": {"RateLimitErrorRetries": 1}},
        "allowed_fails_policy": {"InternalServerErrorAllowedFails": 9},
        "cooldown_failure_percent": 20,
        "max_attempts": 6,
    }
    policy = policy_of(read_settings(from_mapping({"router_settings": section})))
    assert policy.retry_policy == {RequestTimeoutError: 4}
    assert policy.group_retry_policies == {"gpt": {RateLimitedError: 1}}
    assert policy.cooldowns.by_kind == {InternalServerError: 9}
    assert (policy.cooldowns.share, policy.max_attempts) == (0.2, 6)
