"""The model gateway: one endpoint and one library in front of every model; every choice is a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_core._version import __version__

if TYPE_CHECKING:
    from nova_core.errors import (
        APIConnectionError,
        AuthenticationError,
        BadGatewayError,
        BadRequestError,
        ConfigurationError,
        ContentPolicyViolationError,
        ContextWindowExceededError,
        InternalServerError,
        ModelNotFoundError,
        NotFoundError,
        NovaError,
        PermissionDeniedError,
        RateLimitedError,
        RejectedError,
        RequestTimeoutError,
        ServiceUnavailableError,
        StreamBrokenError,
        UnsupportedParamsError,
    )
    from nova_core.gateway.gateway import Gateway
    from nova_core.gateway.library import (
        acompletion,
        aembedding,
        aresponses,
        completion,
        embedding,
        register_model,
        responses,
    )
    from nova_core.hookspecs import hookimpl
    from nova_core.server.app import create_app
    from nova_core.types.call import Call, CallRecord, StashKey
    from nova_core.types.deployment import Deployment
    from nova_core.types.events import Chunk
    from nova_core.types.message import Reply, Request, Stream
    from nova_core.types.secret import Secret
    from nova_core.types.usage import Usage
    from nova_core.wire.openai_compatible import OpenAICompatible
    from nova_core.wire.provider import DialectProvider, Provider

_HOMES = {
    "Gateway": "gateway.gateway",
    "acompletion": "gateway.library",
    "aembedding": "gateway.library",
    "completion": "gateway.library",
    "embedding": "gateway.library",
    "aresponses": "gateway.library",
    "register_model": "gateway.library",
    "responses": "gateway.library",
    "hookimpl": "hookspecs",
    "create_app": "server.app",
    "Call": "types.call",
    "CallRecord": "types.call",
    "StashKey": "types.call",
    "Deployment": "types.deployment",
    "Chunk": "types.events",
    "Reply": "types.message",
    "Request": "types.message",
    "Stream": "types.message",
    "Secret": "types.secret",
    "Usage": "types.usage",
    "OpenAICompatible": "wire.openai_compatible",
    "DialectProvider": "wire.provider",
    "Provider": "wire.provider",
}

__all__ = [
    "APIConnectionError",
    "AuthenticationError",
    "BadGatewayError",
    "BadRequestError",
    "Call",
    "CallRecord",
    "Chunk",
    "ConfigurationError",
    "ContentPolicyViolationError",
    "ContextWindowExceededError",
    "Deployment",
    "DialectProvider",
    "Gateway",
    "InternalServerError",
    "ModelNotFoundError",
    "NotFoundError",
    "NovaError",
    "OpenAICompatible",
    "PermissionDeniedError",
    "Provider",
    "RateLimitedError",
    "RejectedError",
    "Reply",
    "Request",
    "RequestTimeoutError",
    "Secret",
    "ServiceUnavailableError",
    "StashKey",
    "Stream",
    "StreamBrokenError",
    "UnsupportedParamsError",
    "Usage",
    "__version__",
    "acompletion",
    "aembedding",
    "aresponses",
    "completion",
    "create_app",
    "embedding",
    "hookimpl",
    "register_model",
    "responses",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that importing the package costs next to nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'nova_core' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"nova_core.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
