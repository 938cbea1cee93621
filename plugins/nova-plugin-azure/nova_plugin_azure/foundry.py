"""AI Foundry: models of many vendors behind one address, asked as OpenAI's are, and Claude in its own API."""

# https://learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/endpoints

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.messages_models import MessagesEndpoint
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.reasoning_models import family_of, for_reasoning, review_reasoning, takes_no_effort
from nova_core.wire.openai_compatible import OPENAI_DIALECTS, OpenAICompatible
from nova_core.wire.rerank_documents import with_documents
from nova_core.wire.through_responses import InResponses, asked_there, placed
from nova_plugin_azure.addresses import responses_url
from nova_plugin_azure.authorized import Authorized
from nova_plugin_azure.identities import VARIABLES
from nova_plugin_azure.provider import VERSION
from nova_plugin_azure.tokens import Tokens

MODELS_VERSION = "2024-05-01-preview"
KEYED = (".services.ai.azure.com", ".openai.azure.com", ".cognitiveservices.azure.com")
"""Hosts of resources, which take their key in a header of its own; endpoints of single models take it as a token."""
SHARED: tuple[Operation, ...] = ("chat", "embedding")
"""Operations at one address for models of all vendors."""
RERANK = "/rerank"
COHERE = "/providers/cohere/v2"
CLAUDE = re.compile(r"(^|/)claude")
ANTHROPIC_VERSION = "2023-06-01"
SETTINGS = (*OpenAICompatible.settings_keys, *VARIABLES, VERSION)


class FoundryModels(Authorized, OpenAICompatible):
    """Models behind `/models` of a resource, or behind an endpoint of their own."""

    dialects: Mapping[Operation, Dialect] = {
        **{name: OPENAI_DIALECTS[name] for name in SHARED},
        "rerank": COHERE_RERANK,
    }
    api_base_env = ("AZURE_AI_API_BASE",)
    api_key_env = ("AZURE_AI_API_KEY",)

    def key_header(self, deployment: Deployment, key: str) -> tuple[str, str]:
        """`api-key` for resources, a token for the endpoints of single models."""
        host = urlsplit(deployment.api_base or "").hostname or ""
        return ("api-key", key) if host.endswith(KEYED) else ("Authorization", f"Bearer {key}")

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Below `/models` where a resource is named alone; other addresses are used as they are."""
        if operation == "rerank":
            return rerank_url(deployment.api_base or "", deployment.settings.get(VERSION))
        parts = urlsplit(deployment.api_base or "")
        place = parts.path.rstrip("/").removesuffix(self.paths[operation])
        version = deployment.settings.get(VERSION)
        if place in ("", "/models") and (parts.hostname or "").endswith(KEYED[0]):
            place, version = "/models", version or MODELS_VERSION
        return urlunsplit((parts.scheme, parts.netloc, place + self.paths[operation], _query(parts.query, version), ""))

    def untouched(self, request: Request) -> bool:
        """See `DialectProvider.untouched`."""
        known = family_of(request.model) is None and not takes_no_effort(request)
        return known and super().untouched(request)

    def review(self, request: Request) -> Fidelity:
        """What the vendor refuses, and what OpenAI's reasoning models refuse."""
        found = super().review(request)
        return found + review_reasoning(request) if request.operation == "chat" else found

    def to_upstream(self, request: Request) -> Request:
        """OpenAI's reasoning models name some members differently."""
        request = super().to_upstream(request)
        return for_reasoning(request) if request.dialect.name == OPENAI_CHAT.name else request

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; ranked documents come back where the caller wants them."""
        exchange = super().provider_call(call, request, deployment)
        return with_documents(exchange, request) if request.operation == "rerank" else exchange


class FoundryInResponses(InResponses, FoundryModels):
    """OpenAI's models of a resource, asked in the Responses API."""

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The Responses API of the resource, which has no `/models`."""
        parts = urlsplit(deployment.api_base or "")
        place = parts.path.removesuffix(self.paths["chat"]).removesuffix("/models")
        return responses_url(urlunsplit((parts.scheme, parts.netloc, place, "", "")), "v1")


class FoundryClaude(MessagesEndpoint, Authorized):
    """Claude at `/anthropic/v1/messages` of a resource."""

    dialects: Mapping[Operation, Dialect] = {"chat": ANTHROPIC_MESSAGES, "count_tokens": ANTHROPIC_COUNT_TOKENS}
    paths: Mapping[Operation, str] = {"chat": "/v1/messages", "count_tokens": "/v1/messages/count_tokens"}
    api_base_env = FoundryModels.api_base_env
    api_key_env = FoundryModels.api_key_env

    def key_header(self, deployment: Deployment, key: str) -> tuple[str, str]:
        """As Anthropic's own API has it."""
        return "x-api-key", key

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key or token, and the version of the API."""
        return [*super().headers(deployment, call), ("anthropic-version", ANTHROPIC_VERSION)]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Below `/anthropic`, unless the address says a path already."""
        parts = urlsplit(deployment.api_base or "")
        place = parts.path.rstrip("/")
        for known in (*self.paths.values(), "/v1", "/models"):
            place = place.removesuffix(known)
        place = place or "/anthropic"
        return urlunsplit((parts.scheme, parts.netloc, place + self.paths[operation], parts.query, ""))


class Foundry(FoundryModels):
    """`azure_ai/{model}`: the model's name says which API it is asked through."""

    providers: tuple[str, ...] = ("azure_ai",)
    settings_keys = SETTINGS

    def __init__(self, tokens: Tokens | None = None) -> None:
        super().__init__(tokens)
        self._claude = FoundryClaude(self._tokens)
        self._in_responses = FoundryInResponses(self._tokens)

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address and credentials. Raises ConfigurationError without an address."""
        return placed(super().complete(deployment, environ))

    def operations(self, model: str) -> frozenset[str]:
        """What the model's API serves."""
        return self._claude.operations(model) if CLAUDE.search(model) else super().operations(model)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Raises UnsupportedParamsError, BadRequestError, AuthenticationError."""
        base_model = deployment.info.get("base_model")
        if CLAUDE.search(base_model if isinstance(base_model, str) else deployment.model):
            return self._claude.provider_call(call, request, deployment)
        whole = (urlsplit(deployment.api_base or "").hostname or "").endswith(KEYED)
        if asked_there(request, deployment, deployment.model, vendors_own=whole):
            return self._in_responses.provider_call(call, request, deployment)
        return super().provider_call(call, request, deployment)


def rerank_url(base: str, version: Any) -> str:
    """Where a model of Cohere ranks: at the resource, below its vendor, or at version 1 of its own endpoint."""
    parts = urlsplit(base)
    place = parts.path.rstrip("/")
    if not place.endswith(RERANK):
        whole = (parts.hostname or "").endswith(KEYED[0])
        place = place.removesuffix("/models").removesuffix("/v1").removesuffix("/v2")
        place = (COHERE if whole and place in ("", "/providers/cohere") else f"{place}/v1") + RERANK
    return urlunsplit((parts.scheme, parts.netloc, place, _query(parts.query, version), ""))


def _query(query: str, version: Any) -> str:
    """A query with the version, which one that is there already wins over."""
    stated = [part for part in (query, urlencode({"api-version": version}) if version else "") if part]
    return query if "api-version=" in query else "&".join(stated)
