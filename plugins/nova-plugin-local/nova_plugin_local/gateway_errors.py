"""What an engine's error is to the caller of the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nova_core.errors import (
    BadRequestError,
    ConfigurationError,
    ContextWindowExceededError,
    InternalServerError,
    ModelNotFoundError,
    NovaError,
    RateLimitedError,
    StreamBrokenError,
)
from nova_plugin_local.errors import (
    EngineBusyError,
    EngineClosedError,
    InvalidInputError,
    LocalModelError,
    PromptTooLongError,
    UnknownLocalModelError,
    WeightsDamagedError,
    WeightsNotFoundError,
)

BUSY_SECONDS = 1.0


def gateway_error(error: LocalModelError) -> NovaError:
    """The gateway's error with the same message."""
    message = str(error)
    match error:
        case PromptTooLongError():
            return ContextWindowExceededError(message)
        case InvalidInputError():
            return BadRequestError(message, param=error.param)
        case EngineBusyError():
            return RateLimitedError(message, retry_after=BUSY_SECONDS)
        case UnknownLocalModelError():
            return ModelNotFoundError(message, param="model")
        case WeightsNotFoundError():
            return ConfigurationError(message, hint=error.mend)
        case WeightsDamagedError():
            return ConfigurationError(message, hint="install the weights again")
        case EngineClosedError():
            return StreamBrokenError(message)
        case _:
            return InternalServerError(message)


@contextmanager
def as_gateway_errors() -> Iterator[None]:
    """Errors of the engines inside are raised as the gateway's."""
    try:
        yield
    except LocalModelError as error:
        raise gateway_error(error) from error
