"""Amazon Bedrock: a deployment's model, and who calls, decide which of its APIs is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from nova_core.errors import ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.prompt_templates import check_template
from nova_core.wire.provider import DialectProvider, Provider
from nova_core.wire.sigv4 import Keychain
from nova_core.wire.sigv4.choosing import REGION, SETTINGS, Chooser, domain_of
from nova_core.wire.sigv4.signed import now, with_keys
from nova_plugin_bedrock.agent_core import QUALIFIER, AgentCore
from nova_plugin_bedrock.agents import Agent, agent_of
from nova_plugin_bedrock.claude_platform import WORKSPACE, ClaudePlatform
from nova_plugin_bedrock.embedding_jobs import OUTPUT, STORE, EmbeddingJobs, with_output
from nova_plugin_bedrock.embeddings import COHERE_EMBED, MOST_TEXTS, TITAN_EMBED
from nova_plugin_bedrock.families import ConverseModels, Embeddings, InvokedClaude
from nova_plugin_bedrock.invoked import invoked_families
from nova_plugin_bedrock.marengo import MARENGO_EMBED, MARENGO_SEGMENTS
from nova_plugin_bedrock.names import (
    AGENTS,
    AMAZON_DRAWS,
    BY_JOBS,
    CHATS,
    CLAUDE,
    EMBEDS,
    JOBS,
    NOVA,
    PEGASUS,
    PLATFORM,
    RANKS,
    SIGNED,
    STABILITY_DRAWS,
    read_name,
)
from nova_plugin_bedrock.nova_embed import NOVA_EMBED, NOVA_SEGMENTS
from nova_plugin_bedrock.picture_edits import AMAZON_EDITS, STABILITY_EDITS
from nova_plugin_bedrock.pictures import AMAZON_IMAGES, STABILITY_IMAGES, Images
from nova_plugin_bedrock.reranking import Rerank
from nova_plugin_bedrock.runtime_chat import RuntimeChat
from nova_plugin_bedrock.signed import BEARER, MODEL_ID

ENDPOINT = "aws_bedrock_runtime_endpoint"


class Bedrock(Provider):
    """`bedrock/…`, `bedrock/converse/…`, `bedrock/invoke/…` and `bedrock_converse/…`."""

    providers = ("bedrock", "bedrock_converse")
    base_url = "https://bedrock-runtime.{aws_region_name|AWS_REGION_NAME|AWS_REGION}.amazonaws.com"
    api_base_env: tuple[str, ...] = (ENDPOINT.upper(),)
    api_key_env = (BEARER,)
    settings_keys = (*SETTINGS, ENDPOINT, MODEL_ID, QUALIFIER, OUTPUT, STORE, *WORKSPACE)

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        keychain = Keychain(clock)
        self._converse = ConverseModels(keychain)
        self._claude = InvokedClaude(keychain)
        self._titan = Embeddings(TITAN_EMBED, 1, keychain)
        self._cohere = Embeddings(COHERE_EMBED, MOST_TEXTS, keychain)
        self._nova_embeddings = Embeddings(NOVA_EMBED, 1, keychain)
        self._marengo = Embeddings(MARENGO_EMBED, 1, keychain)
        self._rerank = Rerank(keychain)
        self._amazon_images = Images(AMAZON_IMAGES, AMAZON_EDITS, keychain)
        self._stability_images = Images(STABILITY_IMAGES, STABILITY_EDITS, keychain)
        self._runtime_chat = RuntimeChat(keychain)
        self._platform = ClaudePlatform(keychain)
        jobs = ((MARENGO_SEGMENTS, False), (NOVA_SEGMENTS, True))
        self._jobs = [EmbeddingJobs(dialect, keychain, manifest=several) for dialect, several in jobs]
        self._agents = {"agent": Agent(keychain), "agentcore": AgentCore(keychain)}
        self._invoked = tuple(invoked_families(self._claude, keychain))

    def family(self, model: str, dialect: str = "") -> DialectProvider:
        """Who speaks for a model. Callers of the Messages API reach Claude in their own words."""
        name = read_name(model)
        if name.route in AGENTS:
            return self._agents[name.route]
        if name.route == CHATS:
            return self._runtime_chat
        if name.route == PLATFORM:
            return self._platform
        if name.route == JOBS:
            return self._jobs[bool(NOVA.search(model))]
        if (special := self._special(model)) is not None:
            return special
        if name.invoked or PEGASUS.search(model):
            return self._asked_by_invoke(name.said) or self._claude
        if name.route is None and dialect == ANTHROPIC_MESSAGES.name and CLAUDE.search(model):
            return self._claude
        return self._converse

    def _asked_by_invoke(self, said: str) -> DialectProvider | None:
        """Who speaks a family's own words; None where the name says no family."""
        return next((family for names, family in self._invoked if names.search(said)), None)

    def _special(self, model: str) -> DialectProvider | None:
        """Who speaks for a model that does not chat."""
        if EMBEDS.search(model):
            if "cohere" in model:
                return self._cohere
            if "marengo" in model:
                return self._marengo
            return self._nova_embeddings if NOVA.search(model) else self._titan
        if RANKS.search(model):
            return self._rerank
        if STABILITY_DRAWS.search(model):
            return self._stability_images
        return self._amazon_images if AMAZON_DRAWS.search(model) else None

    def operations(self, model: str) -> frozenset[str]:
        """What the model's family serves; without a model's name, what any does."""
        served = self.family(model).operations(model)
        if model:
            return served
        others = (self._titan, self._rerank, self._amazon_images)
        return served.union(*(family.operations(model) for family in others))

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, region and keys. Raises ConfigurationError for what is not served, or half given."""
        settings: dict[str, Any] = dict(deployment.settings)
        try:
            name = read_name(deployment.model)
        except ValueError as error:
            raise ConfigurationError(f"{deployment.provider}/{deployment.model}: {error}") from error
        if name.route == PLATFORM:
            return self._platform.complete(deployment, environ)
        if name.invoked and not (self._asked_by_invoke(name.said) or self._special(deployment.model)):
            raise ConfigurationError(
                f"{deployment.model}: whose format the model has is not known; say it before the name, as "
                f"`invoke/llama/…`, `invoke/mistral/…`, `invoke/qwen3/…` or `invoke/openai/…`"
            )
        if name.route == "agent":
            agent_of(deployment.model)
        if name.route == JOBS and not BY_JOBS.search(name.id):
            raise ConfigurationError(f"{deployment.model}: jobs embed, with models of Nova and Marengo")
        check_template(deployment)
        chooser = Chooser(settings, environ)
        stated = settings.get(REGION) or read_name(str(settings.get(MODEL_ID) or "")).region or name.region
        settings[REGION] = stated or chooser.region()
        base = (
            deployment.api_base or settings.get(ENDPOINT) or environ.get(ENDPOINT.upper()) or host_of(settings[REGION])
        )
        if not str(base).startswith(("http://", "https://")):
            raise ConfigurationError(f"`{ENDPOINT}` of {deployment.model} must start with http:// or https://")
        key = deployment.api_key if deployment.api_key is not None and deployment.api_key.reveal() else None
        bearer = "" if name.route in SIGNED else environ.get(BEARER, "").strip()
        if key is None and not chooser.stated and bearer:
            key = Secret(bearer)
        if key is None:
            settings = with_keys(settings, chooser, settings[REGION])
        if name.route == JOBS:
            settings = with_output(replace(deployment, api_key=key), settings)
        return replace(deployment, api_base=str(base), api_key=key, settings=settings)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Raises UnsupportedParamsError, BadRequestError, AuthenticationError."""
        return self.family(deployment.model, request.dialect.name).provider_call(call, request, deployment)


def host_of(region: str) -> str:
    """The vendor's address in a region."""
    return f"https://bedrock-runtime.{region}.{domain_of(region)}"
