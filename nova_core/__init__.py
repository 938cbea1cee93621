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
    from nova_core.gateway.abilities import (
        get_model_info,
        get_supported_openai_params,
        supports_audio_input,
        supports_audio_output,
        supports_computer_use,
        supports_embedding_image_input,
        supports_function_calling,
        supports_native_streaming,
        supports_parallel_function_calling,
        supports_pdf_input,
        supports_prompt_caching,
        supports_reasoning,
        supports_response_schema,
        supports_system_messages,
        supports_tool_choice,
        supports_url_context,
        supports_video_input,
        supports_vision,
        supports_web_search,
    )
    from nova_core.gateway.file_library import (
        aimage_edit,
        aimage_variation,
        atranscription,
        atranslation,
        image_edit,
        image_variation,
        transcription,
        translation,
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
    from nova_core.gateway.media_library import (
        aimage_generation,
        amoderation,
        arerank,
        aspeech,
        image_generation,
        moderation,
        rerank,
        speech,
    )
    from nova_core.gateway.responses_library import (
        acompact_responses,
        acount_input_tokens,
        compact_responses,
        count_input_tokens,
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
    "acompact_responses": "gateway.responses_library",
    "acount_input_tokens": "gateway.responses_library",
    "compact_responses": "gateway.responses_library",
    "count_input_tokens": "gateway.responses_library",
    "aimage_edit": "gateway.file_library",
    "aimage_variation": "gateway.file_library",
    "atranscription": "gateway.file_library",
    "atranslation": "gateway.file_library",
    "image_edit": "gateway.file_library",
    "image_variation": "gateway.file_library",
    "transcription": "gateway.file_library",
    "translation": "gateway.file_library",
    "aimage_generation": "gateway.media_library",
    "amoderation": "gateway.media_library",
    "arerank": "gateway.media_library",
    "aspeech": "gateway.media_library",
    "image_generation": "gateway.media_library",
    "moderation": "gateway.media_library",
    "rerank": "gateway.media_library",
    "speech": "gateway.media_library",
    "get_model_info": "gateway.abilities",
    "get_supported_openai_params": "gateway.abilities",
    "supports_audio_input": "gateway.abilities",
    "supports_audio_output": "gateway.abilities",
    "supports_computer_use": "gateway.abilities",
    "supports_embedding_image_input": "gateway.abilities",
    "supports_function_calling": "gateway.abilities",
    "supports_native_streaming": "gateway.abilities",
    "supports_parallel_function_calling": "gateway.abilities",
    "supports_pdf_input": "gateway.abilities",
    "supports_prompt_caching": "gateway.abilities",
    "supports_reasoning": "gateway.abilities",
    "supports_response_schema": "gateway.abilities",
    "supports_system_messages": "gateway.abilities",
    "supports_tool_choice": "gateway.abilities",
    "supports_url_context": "gateway.abilities",
    "supports_video_input": "gateway.abilities",
    "supports_vision": "gateway.abilities",
    "supports_web_search": "gateway.abilities",
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
    "acompact_responses",
    "acompletion",
    "acount_input_tokens",
    "aembedding",
    "aimage_edit",
    "aimage_generation",
    "aimage_variation",
    "amoderation",
    "arerank",
    "aresponses",
    "aspeech",
    "atranscription",
    "atranslation",
    "compact_responses",
    "completion",
    "count_input_tokens",
    "create_app",
    "embedding",
    "get_model_info",
    "get_supported_openai_params",
    "hookimpl",
    "image_edit",
    "image_generation",
    "image_variation",
    "moderation",
    "register_model",
    "rerank",
    "responses",
    "speech",
    "supports_audio_input",
    "supports_audio_output",
    "supports_computer_use",
    "supports_embedding_image_input",
    "supports_function_calling",
    "supports_native_streaming",
    "supports_parallel_function_calling",
    "supports_pdf_input",
    "supports_prompt_caching",
    "supports_reasoning",
    "supports_response_schema",
    "supports_system_messages",
    "supports_tool_choice",
    "supports_url_context",
    "supports_video_input",
    "supports_vision",
    "supports_web_search",
    "transcription",
    "translation",
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
