"""The error tree: what went wrong, as facts; `server/` and the dialects decide how to say it."""

# NovaError                          500  something in the gateway itself
# ├── BadRequestError                400  the caller's request cannot be served as it is
# │   ├── ContextWindowExceededError 400  too many tokens for the model (its own fallbacks)
# │   ├── ContentPolicyViolationError400  refused by a content policy (its own fallbacks)
# │   ├── UnsupportedParamsError     400  the provider cannot express a parameter
# │   └── RejectedError              400  a guardrail or hook stopped the call
# ├── AuthenticationError            401  no valid credential
# ├── PaymentRequiredError           402
# ├── PermissionDeniedError          403  the credential may not do this
# ├── NotFoundError                  404
# │   └── ModelNotFoundError         404  no such public model name, or no plugin to serve it
# ├── RequestTimeoutError            408  a deadline passed (504 where the upstream said 504)
# ├── ConflictError                  409
# ├── PayloadTooLargeError           413
# ├── UnprocessableEntityError       422
# ├── RateLimitedError               429
# │   └── NoDeploymentError          429  every deployment of the group is cooling down or busy
# ├── ClientClosedError              499  the caller left; nobody reads this answer
# ├── InternalServerError            500  the upstream failed
# ├── APIConnectionError             500  the upstream could not be reached, or broke the connection
# ├── BadGatewayError                502  the upstream's answer is not this operation's reply
# ├── ServiceUnavailableError        503  overloaded, draining, or not started
# ├── StreamBrokenError              502  a stream ended before its end; never shown as a clean end
# └── ConfigurationError             500  the operator's configuration cannot work (at start: refuses)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class NovaError(Exception):
    """Base of all errors.

    `status` is the HTTP status, `type` OpenAI's error type, `code` its string code (the status as a
    string when there is none), `param` the request field at fault. `retryable` says whether another
    attempt may help; `hint` what the operator can do about it (never shown to callers).
    `headers` are upstream headers that reach the caller (`retry-after`, `x-ratelimit-*`), `details` what an
    upstream's error says of its cause in fields, for callers of its own dialect.
    """

    status: int = 500
    type: str = "internal_server_error"
    default_code: ClassVar[str | None] = None
    retryable: bool = False
    cools_down: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        status: int | None = None,
        type: str | None = None,
        hint: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.hint = hint
        self.retry_after = retry_after
        self.headers: Mapping[str, str] = headers or {}
        self.details: Mapping[str, Any] | None = None
        if status is not None:
            self.status = status
        if type is not None:
            self.type = type
        self.code: str = code or self.default_code or str(self.status)
        self.provider: str | None = None
        self.deployment_id: str | None = None
        self.model: str | None = None
        self.from_upstream = False

    @property
    def status_code(self) -> int:
        """The HTTP status, under the name that OpenAI-style clients use."""
        return self.status

    def at(self, *, provider: str | None, deployment_id: str | None, model: str | None) -> NovaError:
        """Note where the error happened, unless an inner layer has already; returns itself."""
        self.provider = self.provider or provider
        self.deployment_id = self.deployment_id or deployment_id
        self.model = self.model or model
        return self


class BadRequestError(NovaError):
    """The request is wrong; the message says what to change."""

    status = 400
    type = "invalid_request_error"


class ContextWindowExceededError(BadRequestError):
    """The prompt (plus the asked-for output) does not fit the model."""

    default_code = "context_length_exceeded"


class ContentPolicyViolationError(BadRequestError):
    """A provider's content policy refused the request."""

    default_code = "content_policy_violation"


class UnsupportedParamsError(BadRequestError):
    """A parameter that changes the answer's meaning cannot be expressed for the chosen provider."""

    default_code = "unsupported_parameter"


class RejectedError(BadRequestError):
    """A guardrail or another hook stopped the call."""

    default_code = "rejected"


class AuthenticationError(NovaError):
    """No credential, or one that is not valid (here, or at the upstream)."""

    status = 401
    type = "authentication_error"
    cools_down = True


class PaymentRequiredError(NovaError):
    """The upstream account has no credit."""

    status = 402
    type = "invalid_request_error"
    cools_down = True


class PermissionDeniedError(NovaError):
    """The credential is valid and may not do this."""

    status = 403
    type = "permission_error"


class NotFoundError(NovaError):
    """The upstream, or the gateway, has no such thing."""

    status = 404
    type = "invalid_request_error"
    cools_down = True


class ModelNotFoundError(NotFoundError):
    """No model group, alias, pattern or deployment id has this name, or its plugin is missing."""

    default_code = "model_not_found"
    cools_down = False


class RequestTimeoutError(NovaError):
    """A deadline passed. `status` is 504 where the upstream itself answered 504."""

    status = 408
    type = "timeout_error"
    retryable = True
    cools_down = True


class ConflictError(NovaError):
    """The upstream answered 409."""

    status = 409
    type = "invalid_request_error"
    retryable = True


class PayloadTooLargeError(NovaError):
    """The body is over the limit (ours, or the upstream's)."""

    status = 413
    type = "invalid_request_error"
    default_code = "request_too_large"


class UnprocessableEntityError(NovaError):
    """The upstream answered 422."""

    status = 422
    type = "invalid_request_error"


class RateLimitedError(NovaError):
    """A rate limit was hit; `retry_after` in seconds when known."""

    status = 429
    type = "rate_limit_error"
    retryable = True
    cools_down = True


class NoDeploymentError(RateLimitedError):
    """Every deployment of the group is out (cooling down, over a limit); `retry_after` when one returns."""

    default_code = "no_deployment_available"
    cools_down = False


class ClientClosedError(NovaError):
    """The caller closed the connection; the call was cancelled and accounted."""

    status = 499
    type = "client_closed_request"
    default_code = "client_closed_request"


class InternalServerError(NovaError):
    """The upstream answered 500 (or an unlisted 5xx)."""

    retryable = True
    cools_down = True


class APIConnectionError(NovaError):
    """The upstream could not be reached, or closed the connection before a whole answer."""

    default_code = "upstream_connection_error"
    retryable = True


class BadGatewayError(NovaError):
    """The upstream answered 502, or its 200 is not this operation's reply."""

    status = 502
    retryable = True
    cools_down = True


class ServiceUnavailableError(NovaError):
    """The upstream is overloaded, or this process is draining."""

    status = 503
    retryable = True
    cools_down = True


class StreamBrokenError(NovaError):
    """A stream stopped before its end (reset, idle deadline, unparsable frame, missing finish)."""

    status = 502
    default_code = "stream_interrupted"
    retryable = True


class ConfigurationError(NovaError):
    """The configuration cannot work; raised at start-up and reload, with file and line in the message."""

    default_code = "configuration_error"


BY_STATUS: Mapping[int, type[NovaError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: RequestTimeoutError,
    409: ConflictError,
    413: PayloadTooLargeError,
    422: UnprocessableEntityError,
    429: RateLimitedError,
    500: InternalServerError,
    502: BadGatewayError,
    503: ServiceUnavailableError,
    504: RequestTimeoutError,
    529: ServiceUnavailableError,
}


def error_class_for(status: int) -> type[NovaError]:
    """The class for an upstream's HTTP status; unlisted 4xx are bad requests, unlisted 5xx internal."""
    if status in BY_STATUS:
        return BY_STATUS[status]
    return BadRequestError if 400 <= status < 500 else InternalServerError


def let_go(error: BaseException) -> None:
    """Forget the way that an error which is dealt with has come, and those that led to it.

    The frames of a traceback hold the call, which holds the error: a cycle that would keep all that the call has
    touched until the garbage collector comes by.
    """
    known: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in known:
            known.add(id(each))
            each.__traceback__ = None
            waiting += (each.__cause__, each.__context__)
