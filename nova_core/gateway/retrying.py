"""Whether, how often and after how long a failed attempt is made again. Pure functions."""

from __future__ import annotations

from random import Random

from nova_core.errors import (
    AuthenticationError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    ModelNotFoundError,
    NotFoundError,
    NovaError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitedError,
)
from nova_core.gateway.by_error import Counts, count_for, kind_of
from nova_core.gateway.policy import Policy
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment

RETRIES = "Retries"
LONGEST_HONOURED_WAIT = 60.0
LONGEST_BACKOFF = 8.0
FIRST_BACKOFF = 0.5
JITTER = 0.75


def retries_for(error: NovaError, call: Call, deployment: Deployment, policy: Policy, group: str) -> int:
    """How many more attempts than one a group gets, the last of which failed with this; 0 counts as given.

    A retry policy, the group's before the general one, says so for the kinds of errors that it names, unless the
    caller wants none; else the caller, then the deployment, then the general number.
    """
    asked = call.options.num_retries
    if asked != 0 and (stated := _stated(error, policy, group)) is not None:
        return stated
    if asked is not None:
        return asked
    return policy.num_retries if deployment.num_retries is None else deployment.num_retries


def is_worth_retrying(error: NovaError, policy: Policy, *, group: str, has_sibling: bool, has_fallback: bool) -> bool:
    """Whether another attempt in this group may help.

    `has_sibling`: a deployment that was not tried takes it. `has_fallback`: another group follows, which takes over at
    once what this one could only wait for.
    """
    if has_fallback and isinstance(error, ContextWindowExceededError | ContentPolicyViolationError):
        return False
    if _is_named(error, policy, group):
        return True
    if has_fallback and not has_sibling and isinstance(error, RateLimitedError):
        return False
    return error.retryable or (has_sibling and isinstance(error, AuthenticationError | PaymentRequiredError))


def _policy_of(group: str, policy: Policy) -> Counts:
    own = policy.group_retry_policies.get(group)
    return policy.retry_policy if own is None else own


def _stated(error: NovaError, policy: Policy, group: str) -> int | None:
    return count_for(error, _policy_of(group, policy))


def _is_named(error: NovaError, policy: Policy, group: str) -> bool:
    """Whether the operator wants this kind by name tried again, be it as hopeless as a 400."""
    counts = _policy_of(group, policy)
    kind = kind_of(error, counts)
    return kind is not None and kind is not NovaError and counts[kind] > 0


def speaks_of_deployment(error: NovaError) -> bool:
    """Errors that another deployment may not have: its key, credit, permission or model name is wrong."""
    if isinstance(error, ModelNotFoundError) and not error.from_upstream:
        return False
    return isinstance(error, AuthenticationError | PaymentRequiredError | PermissionDeniedError | NotFoundError)


def backoff(error: NovaError, number: int, least: float, random: Random | None = None) -> float:
    """Seconds to wait: the upstream's Retry-After up to a minute plus jitter, else exponential up to 8 s."""
    jitter = (random or Random()).random() * JITTER
    if error.retry_after is not None and 0 < error.retry_after <= LONGEST_HONOURED_WAIT:
        return max(least, error.retry_after + jitter)
    return max(least, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0**number) * (1 - jitter / 3))
