"""The provider `local`: the gateway's calls onto the engines."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from nova_core.errors import BadRequestError, ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.capabilities import UNKNOWN, Capabilities
from nova_core.types.deployment import Deployment
from nova_core.types.events import Chunk, Frame
from nova_core.types.message import Reply, Request, Stream, plain
from nova_core.types.routing import ModelCard
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.provider import Provider
from nova_core.wire.understood import capabilities_within, spoken
from nova_plugin_local.chat_engine import ChatEngine, honoured_by
from nova_plugin_local.chat_stream import ChatStream
from nova_plugin_local.embedding_reply import check_adapter, reply_members, texts_of
from nova_plugin_local.engines import CHAT_SETTINGS, Engines, check_settings, model_of
from nova_plugin_local.errors import LocalModelError
from nova_plugin_local.gateway_errors import as_gateway_errors
from nova_plugin_local.models import MODELS, find_model, locate
from nova_plugin_local.parameters import CHAT_MEMBERS, EMBEDDING_MEMBERS, UNREAD

OPERATIONS: Mapping[str, frozenset[str]] = {
    "chat": frozenset({"chat", "completion", "count_tokens"}),
    "embedding": frozenset({"embedding"}),
}


class LocalProvider(Provider):
    """One per configuration; its engines end with it."""

    providers = ("local",)
    settings_keys = frozenset({"model_path", *CHAT_SETTINGS})

    def __init__(self) -> None:
        self._engines = Engines()

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Name the adapter and the model beneath it. Raises ConfigurationError without such a model or its weights."""
        check_settings(deployment.settings)
        if "*" in deployment.model:
            return deployment
        try:
            model = model_of(deployment)
            locate(model)
        except LocalModelError as error:
            raise ConfigurationError(str(error)) from error
        info = {"mode": model.mode, **deployment.info}
        if model.adapter is None:
            return replace(deployment, info=info)
        info = {"base_model": model.name, **info}
        return replace(deployment, info=info, settings={"adapter": model.adapter, **deployment.settings})

    def models(self) -> Sequence[ModelCard]:
        """The models that need no configuration."""
        return tuple(
            ModelCard(
                f"local/{model.name}",
                owned_by="local",
                mode=model.mode,
                info={
                    "max_input_tokens": model.context_size,
                    "output_vector_size": model.dimensions,
                    "adapters": model.adapters,
                    "license": model.licence,
                    "source": model.source,
                },
            )
            for model in MODELS
        )

    def operations(self, model: str) -> frozenset[str]:
        """By the model's kind; a name of the operator's own (`model_path`) chats."""
        try:
            return OPERATIONS[find_model(model).mode]
        except LocalModelError:
            return OPERATIONS["chat"]

    def capabilities(self, deployment: Deployment) -> Capabilities:
        """What the model honours; it reads text alone. Nothing is known of a model that does not chat, or is none."""
        try:
            model = model_of(deployment)
        except LocalModelError:
            return UNKNOWN
        return (
            capabilities_within(CHAT_MEMBERS | honoured_by(model), unread=UNREAD) if model.mode == "chat" else UNKNOWN
        )

    @hookimpl
    async def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Reply | Stream:
        """One answer. Raises BadRequestError, ContextWindowExceededError, RateLimitedError (busy), ConfigurationError
        (weights), InternalServerError and StreamBrokenError (the model broke off, or was closed)."""
        started = time.monotonic()
        try:
            with as_gateway_errors():
                return await self._answer(call, request, deployment)
        finally:
            call.upstream_seconds += time.monotonic() - started

    @hookimpl
    async def shutdown(self) -> None:
        """Close the engines."""
        await self._engines.aclose()

    async def _answer(self, call: Call, request: Request, deployment: Deployment) -> Reply | Stream:
        if request.operation == "embedding":
            return await self._embed(call, request, deployment)
        engine = self._engines.chat(deployment)
        body = self._body(call, request, deployment, engine)
        if request.operation == "count_tokens":
            return Reply("count_tokens", ANTHROPIC_COUNT_TOKENS, {"input_tokens": await engine.count_tokens(body)})
        if call.streaming:
            return _stream(await engine.open_stream(body))
        return Reply("chat", OPENAI_CHAT, await engine.complete(body))

    def _body(self, call: Call, request: Request, deployment: Deployment, engine: ChatEngine) -> dict[str, Any]:
        understood = CHAT_MEMBERS | engine.supported_parameters
        return plain(spoken(request, OPENAI_CHAT, deployment, call, understood).members)

    async def _embed(self, call: Call, request: Request, deployment: Deployment) -> Reply:
        engine = self._engines.embedding(deployment)
        model = model_of(deployment)
        check_adapter(request.get("adapter"), model, "adapter")
        if request.get("return_multivector") is False:
            request = request.without("return_multivector")
        said = spoken(request, OPENAI_EMBEDDINGS, deployment, call, EMBEDDING_MEMBERS | {"adapter"})
        asked = said.embeddings
        truncate = said.get("truncate", False)
        if not isinstance(truncate, bool):
            raise BadRequestError("`truncate` must be true or false", param="truncate")
        texts = texts_of(asked, model)
        embeddings = await engine.embed(texts, dimensions=asked.dimensions, truncate=truncate)
        members = reply_members(embeddings, model=deployment.model, encoding=asked.encoding_format)
        return Reply("embedding", OPENAI_EMBEDDINGS, members)


def _stream(chunks: ChatStream) -> Stream:
    return Stream(OPENAI_CHAT, chunks=_events(chunks), closers=(chunks.aclose,))


async def _events(chunks: ChatStream) -> AsyncIterator[Chunk]:
    """Typed chunks: usage is always in them, and the gateway shows it to callers who asked."""
    decoder = OPENAI_CHAT.decoder()
    with as_gateway_errors():
        async for chunk in chunks:
            yield Chunk(decoder.decode(Frame(msgspec.json.encode(chunk))))
    rest = decoder.end()
    if rest:
        yield Chunk(rest)
