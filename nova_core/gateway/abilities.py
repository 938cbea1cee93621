"""What a model can be asked for: the word of its provider's API, and what is known of the model, together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Protocol

from nova_core.errors import ModelNotFoundError
from nova_core.gateway.facts import written
from nova_core.gateway.library import shared_library
from nova_core.types.deployment import Deployment
from nova_core.types.facts import ABILITY_OF
from nova_core.wire.operation_samples import ASKED, OPERATION_SAMPLES
from nova_core.wire.samples import ABILITIES, PARAMETERS

MODALITY_OF: Final[Mapping[str, str]] = {ability: kind for kind, ability in ABILITY_OF.items()}
PARAMETER_OF: Final[Mapping[str, str]] = {
    "function_calling": "tools",
    "parallel_function_calling": "parallel_tool_calls",
    "tool_choice": "tool_choice",
    "response_schema": "response_format",
    "reasoning": "reasoning_effort",
    "web_search": "web_search_options",
}
"""Ability → the parameter that asks for it."""
OF_API: Final = frozenset({"system_messages", "native_streaming"})
"""Abilities that are a matter of the API alone: every model that is reached through it has them."""


def has(deployment: Deployment, ability: str) -> bool | None:
    """Whether provider and model have the ability, named without `supports_`; None when that is not known.

    What the provider's API has no word for, no model behind it has.
    """
    if ability == "native_streaming":
        return True if deployment.mode in (None, "chat", "completion", "responses") else None
    if deployment.capabilities.refuses(ability):
        return False
    facts = deployment.facts
    known = facts.takes(MODALITY_OF[ability]) if ability in MODALITY_OF else facts.supports.get(ability)
    if known is None and facts.parameters is not None and ability in PARAMETER_OF:
        known = PARAMETER_OF[ability] in facts.parameters
    return deployment.capabilities.takes(ability) if known is None and ability in OF_API else known


def parameters_of(deployment: Deployment) -> list[str] | None:
    """OpenAI's names of the chat parameters that reach the model; None when neither provider nor model is known."""
    fates = {name: deployment.capabilities.takes(name) for name in PARAMETERS}
    listed = deployment.facts.parameters
    if listed is None and all(taken is None for taken in fates.values()):
        return None
    return [name for name, taken in fates.items() if taken is not False and (listed is None or name in listed)]


def parameters_beside_chat(deployment: Deployment, operation: str) -> list[str] | None:
    """OpenAI's names of the parameters of another operation that reach the model; None where nothing is known."""
    names = [name for name, sample in OPERATION_SAMPLES.items() if sample.of.operation == operation]
    fates = {name: deployment.capabilities.takes(name) for name in names}
    if all(taken is None for taken in fates.values()):
        return None
    return [name.partition(".")[2] for name, taken in fates.items() if taken is not False]


class Supports(Protocol):
    """A question about a model: `provider/model`, or the model and its provider."""

    def __call__(self, model: str, custom_llm_provider: str | None = None) -> bool:
        """Whether it is known to be so; what is unknown is not."""
        ...


def _supports(ability: str, model: str, custom_llm_provider: str | None = None) -> bool:
    deployment = _deployment(model, custom_llm_provider)
    return deployment is not None and has(deployment, ability) is True


def get_supported_openai_params(
    model: str, custom_llm_provider: str | None = None, request_type: str = "chat_completion"
) -> list[str] | None:
    """The parameters that the provider sends on and the model takes; None when that is unknown.

    `request_type` is `chat_completion`, `embeddings`, of which it is known what the model's facts list, or the name of
    another operation, such as `transcription`.
    """
    deployment = _deployment(model, custom_llm_provider)
    if deployment is None:
        return None
    if request_type == "chat_completion":
        return parameters_of(deployment)
    if request_type in ASKED:
        return parameters_beside_chat(deployment, request_type)
    return None if deployment.facts.parameters is None else sorted(deployment.facts.parameters)


def get_model_info(model: str, custom_llm_provider: str | None = None) -> dict[str, Any]:
    """What is known of a model under the keys of `model_info`: prices, sizes, parameters, and each ability.

    Raises ModelNotFoundError when no installed provider serves it.
    """
    deployment = _deployment(model, custom_llm_provider)
    if deployment is None:
        raise ModelNotFoundError(f"no installed provider serves '{model}'", param="model")
    abilities = {f"supports_{name}": has(deployment, name) for name in ABILITIES}
    info: dict[str, Any] = {"key": deployment.model, "provider": deployment.provider, **written(deployment.facts)}
    info |= {**abilities, "supported_openai_params": parameters_of(deployment)}
    return {name: value for name, value in info.items() if value is not None}


def _deployment(model: str, provider: str | None) -> Deployment | None:
    """The model as the library would call it; None when nobody serves it."""
    library = shared_library()
    try:
        return library.thread.run(library.deployment(model if provider is None else f"{provider}/{model}"))
    except ModelNotFoundError:
        return None


supports_audio_input: Supports = partial(_supports, "audio_input")
supports_audio_output: Supports = partial(_supports, "audio_output")
supports_computer_use: Supports = partial(_supports, "computer_use")
supports_embedding_image_input: Supports = partial(_supports, "embedding_image_input")
supports_function_calling: Supports = partial(_supports, "function_calling")
supports_native_streaming: Supports = partial(_supports, "native_streaming")
supports_parallel_function_calling: Supports = partial(_supports, "parallel_function_calling")
supports_pdf_input: Supports = partial(_supports, "pdf_input")
supports_prompt_caching: Supports = partial(_supports, "prompt_caching")
supports_reasoning: Supports = partial(_supports, "reasoning")
supports_response_schema: Supports = partial(_supports, "response_schema")
supports_system_messages: Supports = partial(_supports, "system_messages")
supports_tool_choice: Supports = partial(_supports, "tool_choice")
supports_url_context: Supports = partial(_supports, "url_context")
supports_video_input: Supports = partial(_supports, "video_input")
supports_vision: Supports = partial(_supports, "vision")
supports_web_search: Supports = partial(_supports, "web_search")
