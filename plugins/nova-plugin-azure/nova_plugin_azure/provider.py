"""Azure OpenAI: a deployment's name stands in the URL, and its base model says what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.reasoning_models import family_of, for_reasoning, review_reasoning, takes_no_effort
from nova_core.wire.openai_chat.replayed import carries_added, review_added, without_added
from nova_core.wire.openai_compatible import (
    MEDIA_DIALECTS,
    OPENAI_DIALECTS,
    RESPONSES,
    RESPONSES_PATHS,
    OpenAICompatible,
)
from nova_core.wire.openai_responses import OPENAI_COMPACTION, OPENAI_RESPONSES
from nova_core.wire.restored_names import FittingNames
from nova_core.wire.through_responses import InResponses, asked_there, placed
from nova_plugin_azure.addresses import DEFAULT_VERSION, operation_url, responses_url
from nova_plugin_azure.authorized import Authorized
from nova_plugin_azure.identities import VARIABLES
from nova_plugin_azure.tokens import Tokens

VERSION = "api_version"
MEDIA: tuple[Operation, ...] = ("image_generation", "image_edit", "speech", "transcription", "translation")
MOST_FAMILIES = 1000


class Azure(Authorized, FittingNames, OpenAICompatible):
    """`azure/{deployment}`: chat, completions, embeddings, images, audio, and Responses for callers who speak it."""

    providers: tuple[str, ...] = ("azure",)
    dialects: Mapping[Operation, Dialect] = {**OPENAI_DIALECTS, **{name: MEDIA_DIALECTS[name] for name in MEDIA}}
    api_base_env = ("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT")
    api_key_env = ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY")
    natives: Mapping[str, Dialect] = {**RESPONSES, OPENAI_COMPACTION.name: OPENAI_COMPACTION}
    native_paths: Mapping[str, str] = RESPONSES_PATHS
    knows_developer = True
    settings_keys = (*OpenAICompatible.settings_keys, *VARIABLES, VERSION)

    def __init__(self, tokens: Tokens | None = None, named: str | None = None) -> None:
        """`named` is the base model of the deployments that are asked for, where it is not their name."""
        super().__init__(tokens)
        self._named = named
        self._by_base_model: dict[str, Azure] = {}

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, version and credentials. Raises ConfigurationError without an address."""
        complete = placed(super().complete(deployment, environ))
        version = complete.settings.get(VERSION) or environ.get("AZURE_API_VERSION", "").strip() or DEFAULT_VERSION
        return replace(complete, settings={**complete.settings, VERSION: str(version)})

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The deployment's URL for the operation."""
        return operation_url(deployment.api_base or "", deployment.model, self.paths[operation], _version(deployment))

    def native_url(self, deployment: Deployment, dialect: str) -> str:
        """The Responses API of the resource."""
        return responses_url(deployment.api_base or "", _version(deployment), self.native_paths[dialect])

    def untouched(self, request: Request) -> bool:
        """See `DialectProvider.untouched`."""
        known = family_of(self._named or request.model) is None and not takes_no_effort(request, self._named)
        return known and not carries_added(request) and super().untouched(request)

    def review(self, request: Request) -> Fidelity:
        """What the vendor refuses, and what its reasoning models refuse."""
        found = super().review(request)
        if request.dialect.name not in (OPENAI_CHAT.name, OPENAI_RESPONSES.name):
            return found
        if request.dialect.name == OPENAI_CHAT.name and carries_added(request):
            found += Fidelity(tuple(review_added(request)))
        return found + review_reasoning(request, self._named)

    def to_upstream(self, request: Request) -> Request:
        """Reasoning models name and take some members differently."""
        request = super().to_upstream(request)
        if request.dialect.name != OPENAI_CHAT.name:
            return request
        return for_reasoning(without_added(request) if carries_added(request) else request, self._named)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, as the deployment's base model wants it."""
        base_model = deployment.info.get("base_model")
        if self._named is None and isinstance(base_model, str) and base_model:
            return self._knowing(base_model).provider_call(call, request, deployment)
        if "chat" in self.dialects and asked_there(request, deployment, self._named or deployment.model):
            return self._in_responses.provider_call(call, request, deployment)
        return super().provider_call(call, request, deployment)

    @cached_property
    def _in_responses(self) -> Azure:
        return AzureInResponses(self._tokens, self._named)

    def _knowing(self, base_model: str) -> Azure:
        found = self._by_base_model.get(base_model)
        if found is None:
            if len(self._by_base_model) >= MOST_FAMILIES:
                self._by_base_model.clear()
            found = self._by_base_model[base_model] = type(self)(self._tokens, base_model)
        return found


class AzureInResponses(InResponses, Azure):
    """The models of `azure/…`, asked in the Responses API whatever the caller speaks."""

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt."""
        return super(Azure, self).provider_call(call, request, deployment)


class AzureText(Azure):
    """`azure_text/{deployment}`: everything goes to `/completions`."""

    providers = ("azure_text",)
    dialects: Mapping[Operation, Dialect] = {"completion": OPENAI_DIALECTS["completion"]}
    natives: Mapping[str, Dialect] = {}


def _version(deployment: Deployment) -> str:
    return str(deployment.settings.get(VERSION) or DEFAULT_VERSION)
