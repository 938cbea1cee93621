"""The engines of one configuration: made at the first call, shared, closed together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nova_core.errors import BadRequestError, ConfigurationError
from nova_core.types.deployment import Deployment
from nova_plugin_local.chat_engine import ChatEngine, ChatSettings
from nova_plugin_local.embedding_engine import EmbeddingEngine, EmbeddingSettings
from nova_plugin_local.models import LocalModel, find_model

CHAT_SETTINGS = ("context_size", "default_max_tokens", "max_waiting", "threads")
EMBEDDING_SETTINGS = ("max_waiting", "threads")


def model_of(deployment: Deployment) -> LocalModel:
    """The model of a deployment. Raises UnknownLocalModelError."""
    return find_model(deployment.model, model_path=deployment.settings.get("model_path"))


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raises ConfigurationError for a setting that is not a whole number above 0."""
    for name in CHAT_SETTINGS:
        value = settings.get(name)
        if value is not None and (type(value) is not int or value < 1):
            raise ConfigurationError(f"`{name}` of a local model must be a whole number above 0")


class Engines:
    """Engines by model and settings. Adapters of one embedding model share an engine."""

    def __init__(self) -> None:
        self._chat: dict[tuple[LocalModel, ChatSettings], ChatEngine] = {}
        self._embedding: dict[tuple[LocalModel, EmbeddingSettings], EmbeddingEngine] = {}

    def chat(self, deployment: Deployment) -> ChatEngine:
        """The engine of a chat deployment. Raises UnknownLocalModelError, and BadRequestError for another mode."""
        model = self._model(deployment, "chat")
        settings = ChatSettings(**_given(deployment, CHAT_SETTINGS))
        engine = self._chat.get((model, settings))
        if engine is None:
            engine = self._chat[model, settings] = ChatEngine(model, settings)
        return engine

    def embedding(self, deployment: Deployment) -> EmbeddingEngine:
        """The engine of an embedding deployment. Raises as `chat` does."""
        model = replace(self._model(deployment, "embedding"), adapter=None)
        settings = EmbeddingSettings(**_given(deployment, EMBEDDING_SETTINGS))
        engine = self._embedding.get((model, settings))
        if engine is None:
            engine = self._embedding[model, settings] = EmbeddingEngine(model, settings)
        return engine

    async def aclose(self) -> None:
        """Close all of them, also when one fails to close."""
        engines: list[ChatEngine | EmbeddingEngine] = [*self._chat.values(), *self._embedding.values()]
        self._chat.clear()
        self._embedding.clear()
        failures: list[Exception] = []
        for engine in engines:
            try:
                await engine.aclose()
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _model(self, deployment: Deployment, mode: str) -> LocalModel:
        model = model_of(deployment)
        if model.mode != mode:
            raise BadRequestError(
                f"{model.name} is a model for {model.mode} and does not serve {mode}",
                param="model",
                code="unsupported_operation",
            )
        return model


def _given(deployment: Deployment, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := deployment.settings.get(name)) is not None}
