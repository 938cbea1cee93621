"""Numbers by kind of error: how often it is tried again, how often a deployment may fail with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.errors import (
    APIConnectionError,
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    InternalServerError,
    NotFoundError,
    NovaError,
    RateLimitedError,
    RequestTimeoutError,
    ServiceUnavailableError,
)

Counts = Mapping[type[NovaError], int]

KINDS: Mapping[str, type[NovaError]] = {
    "BadRequestError": BadRequestError,
    "AuthenticationError": AuthenticationError,
    "NotFoundError": NotFoundError,
    "TimeoutError": RequestTimeoutError,
    "RateLimitError": RateLimitedError,
    "ContentPolicyViolationError": ContentPolicyViolationError,
    "InternalServerError": InternalServerError,
    "BadGatewayError": BadGatewayError,
    "ServiceUnavailableError": ServiceUnavailableError,
    "APIConnectionError": APIConnectionError,
    "Default": NovaError,
}
"""How the configuration begins the name of a kind of error; `Default` is all that have no name of their own."""


def counts_of(policy: Mapping[str, Any], ending: str) -> Counts:
    """The numbers of a policy whose keys are a kind and `ending`: `TimeoutErrorRetries: 3`."""
    found = ((kind, policy.get(name + ending)) for name, kind in KINDS.items())
    return {kind: number for kind, number in found if isinstance(number, int)}


def kind_of(error: NovaError, counts: Counts) -> type[NovaError] | None:
    """The nearest kind of this error that has a number."""
    return next((kind for kind in type(error).__mro__ if kind in counts), None)


def count_for(error: NovaError, counts: Counts) -> int | None:
    """The number of the error's nearest kind; None when no kind of it has one."""
    kind = kind_of(error, counts)
    return None if kind is None else counts[kind]
