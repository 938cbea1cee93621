"""The sections of `router_settings` about failing calls: how often which error is tried again, or put up with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nova_core.config.values import OwnSection, TextList

Times = Annotated[int, Field(ge=0)] | None


class RetryPolicy(OwnSection):
    """`retry_policy`: attempts after the first, by what the last one failed with."""

    BadRequestErrorRetries: Times = Field(None, description="After a 400, or a 4xx that is no error of its own.")
    AuthenticationErrorRetries: Times = Field(None, description="After a 401.")
    NotFoundErrorRetries: Times = Field(None, description="After a 404.")
    TimeoutErrorRetries: Times = Field(None, description="After a deadline that passed, a 408 or a 504.")
    RateLimitErrorRetries: Times = Field(None, description="After a 429.")
    ContentPolicyViolationErrorRetries: Times = Field(None, description="After a refusal by a content policy.")
    InternalServerErrorRetries: Times = Field(None, description="After a 500 or an unlisted 5xx.")
    BadGatewayErrorRetries: Times = Field(None, description="After a 502.")
    ServiceUnavailableErrorRetries: Times = Field(None, description="After a 503.")
    APIConnectionErrorRetries: Times = Field(None, description="When the upstream could not be reached.")
    DefaultRetries: Times = Field(None, description="After any error without a line of its own.")


class AllowedFailsPolicy(OwnSection):
    """`allowed_fails_policy`: failures a minute, by kind, that a deployment may have without having to rest."""

    BadRequestErrorAllowedFails: Times = Field(None, description="400; counted only where model_info says so.")
    AuthenticationErrorAllowedFails: Times = Field(None, description="401.")
    NotFoundErrorAllowedFails: Times = Field(None, description="404.")
    TimeoutErrorAllowedFails: Times = Field(None, description="Deadlines that passed, 408 and 504.")
    RateLimitErrorAllowedFails: Times = Field(None, description="429.")
    ContentPolicyViolationErrorAllowedFails: Times = Field(
        None, description="Refusals by a content policy; counted only where model_info says so.")  # fmt: skip
    InternalServerErrorAllowedFails: Times = Field(None, description="500 and unlisted 5xx.")
    BadGatewayErrorAllowedFails: Times = Field(None, description="502.")
    ServiceUnavailableErrorAllowedFails: Times = Field(None, description="503.")


class Hedging(OwnSection):
    """`hedging`: a second attempt on another deployment when the first is slower than most. Absent: never."""

    max_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, description="Most second attempts, as a share of calls."
    )
    percentile: Annotated[float, Field(gt=0, lt=100)] = Field(
        95.0, description="Which share of the group's latest answers is not slow, in percent.")  # fmt: skip
    min_samples: Annotated[int, Field(ge=1, le=200)] = Field(
        20, description="Answers of a group that must be known before it is hedged.")  # fmt: skip
    after: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Seconds after which an answer is slow, in place of the percentile.")  # fmt: skip
    model_groups: TextList = Field((), description="Groups that are hedged; empty: all.")
