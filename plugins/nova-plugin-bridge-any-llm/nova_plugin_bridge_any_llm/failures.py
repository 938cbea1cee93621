"""What an error of any-llm, or of a vendor's client beneath it, is to the caller of the gateway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from nova_core.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    ModelNotFoundError,
    NovaError,
    PaymentRequiredError,
    RateLimitedError,
    RequestTimeoutError,
    ServiceUnavailableError,
    UnsupportedParamsError,
)
from nova_core.types.deployment import Deployment
from nova_core.wire.provider import without_secrets
from nova_core.wire.upstream_errors import classify, redacted

SAYS_MORE: Mapping[str, type[NovaError]] = {
    "ContentFilterError": ContentPolicyViolationError,
    "ContextLengthExceededError": ContextWindowExceededError,
    "UnsupportedProviderError": ModelNotFoundError,
}
"""Classes of errors that say more than a status does. Known by their names, so that nothing need be imported."""
WITHOUT_STATUS: Mapping[str, type[NovaError]] = {
    "AuthenticationError": AuthenticationError,
    "MissingApiKeyError": AuthenticationError,
    "RateLimitError": RateLimitedError,
    "InvalidRequestError": BadRequestError,
    "ModelNotFoundError": ModelNotFoundError,
    "InsufficientFundsError": PaymentRequiredError,
    "GatewayTimeoutError": RequestTimeoutError,
    "APITimeoutError": RequestTimeoutError,
    "APIConnectionError": ServiceUnavailableError,
    "UpstreamProviderError": ServiceUnavailableError,
}
"""What others mean where the vendor's status is not known."""


def gateway_error(error: Exception) -> NovaError:
    """The gateway's error: by what its class says, by the status and code that the vendor answered, else by class."""
    message = str(getattr(error, "message", "") or error) or type(error).__name__
    if isinstance(error, ImportError):
        return ConfigurationError(f"the bridge to any-llm cannot be used: {redacted(message)}")
    if (parameter := _text(error, "parameter_name")) is not None:
        return UnsupportedParamsError(redacted(message), param=parameter)
    name, status = type(error).__name__, getattr(error, "status_code", None)
    known = status if isinstance(status, int) and status >= 400 else None
    found = SAYS_MORE.get(name) or (WITHOUT_STATUS.get(name) if known is None else None)
    if found is not None:
        made = found(redacted(message))
        made.from_upstream = True
        return made
    headers = dict(getattr(getattr(error, "response", None), "headers", None) or {})
    if (wait := getattr(error, "retry_after", None)) is not None:
        headers["retry-after"] = str(wait)
    code, kind = _text(error, "code"), _text(error, "error_type")
    return classify(known, message, code, kind, param=_text(error, "param"), headers=headers)


@contextmanager
def as_gateway_errors(deployment: Deployment) -> Iterator[None]:
    """Whatever is raised inside is the gateway's error, the deployment's key kept out of it."""
    try:
        yield
    except NovaError:
        raise
    except Exception as error:
        raise without_secrets(gateway_error(error), deployment) from None


def _text(error: Exception, name: str) -> str | None:
    value = getattr(error, name, None)
    return value if isinstance(value, str) else None
