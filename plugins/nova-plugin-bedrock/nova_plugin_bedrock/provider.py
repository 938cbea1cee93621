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
from nova_core.wire.provider import DialectProvider, Provider
from nova_core.wire.sigv4 import Keychain
from nova_core.wire.sigv4.choosing import REGION, SETTINGS, Chooser, domain_of
from nova_core.wire.sigv4.signed import now, with_keys
from nova_plugin_bedrock.embeddings import COHERE_EMBED, MOST_TEXTS, NOVA_EMBED, TITAN_EMBED
from nova_plugin_bedrock.families import ConverseModels, Embeddings, InvokedClaude
from nova_plugin_bedrock.names import AMAZON_DRAWS, CLAUDE, EMBEDS, NOVA, RANKS, STABILITY_DRAWS, read_name
from nova_plugin_bedrock.pictures import AMAZON_IMAGES, STABILITY_IMAGES, Images
from nova_plugin_bedrock.reranking import Rerank
from nova_plugin_bedrock.signed import BEARER, MODEL_ID

ENDPOINT = "aws_bedrock_runtime_endpoint"


class Bedrock(Provider):
    """`bedrock/…`, `bedrock/converse/…`, `bedrock/invoke/…` (Claude) and `bedrock_converse/…`."""

    providers = ("bedrock", "bedrock_converse")
    base_url = "https://bedrock-runtime.{aws_region_name|AWS_REGION_NAME|AWS_REGION}.amazonaws.com"
    api_base_env: tuple[str, ...] = (ENDPOINT.upper(),)
    api_key_env = (BEARER,)
    settings_keys = (*SETTINGS, ENDPOINT, MODEL_ID)

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        keychain = Keychain(clock)
        self._converse = ConverseModels(keychain)
        self._claude = InvokedClaude(keychain)
        self._titan = Embeddings(TITAN_EMBED, 1, keychain)
        self._cohere = Embeddings(COHERE_EMBED, MOST_TEXTS, keychain)
        self._nova_embeddings = Embeddings(NOVA_EMBED, 1, keychain)
        self._rerank = Rerank(keychain)
        self._amazon_images = Images(AMAZON_IMAGES, keychain)
        self._stability_images = Images(STABILITY_IMAGES, keychain)

    def family(self, model: str, dialect: str = "") -> DialectProvider:
        """Who speaks for a model. Callers of the Messages API reach Claude in their own words."""
        if (special := self._special(model)) is not None:
            return special
        route = read_name(model).route
        if route == "invoke" or (route is None and dialect == ANTHROPIC_MESSAGES.name and CLAUDE.search(model)):
            return self._claude
        return self._converse

    def _special(self, model: str) -> DialectProvider | None:
        """Who speaks for a model that does not chat."""
        if EMBEDS.search(model):
            if "cohere" in model:
                return self._cohere
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
        if name.route == "invoke" and not (CLAUDE.search(deployment.model) or self._special(deployment.model)):
            raise ConfigurationError(
                f"{deployment.model}: only Claude, embeddings, rerank and images are served through `invoke/`"
            )
        chooser = Chooser(settings, environ)
        stated = settings.get(REGION) or read_name(str(settings.get(MODEL_ID) or "")).region or name.region
        settings[REGION] = stated or chooser.region()
        base = (
            deployment.api_base or settings.get(ENDPOINT) or environ.get(ENDPOINT.upper()) or host_of(settings[REGION])
        )
        if not str(base).startswith(("http://", "https://")):
            raise ConfigurationError(f"`{ENDPOINT}` of {deployment.model} must start with http:// or https://")
        key = deployment.api_key if deployment.api_key is not None and deployment.api_key.reveal() else None
        if key is None and not chooser.stated and (bearer := environ.get(BEARER, "").strip()):
            key = Secret(bearer)
        if key is None:
            settings = with_keys(settings, chooser, settings[REGION])
        return replace(deployment, api_base=str(base), api_key=key, settings=settings)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Raises UnsupportedParamsError, BadRequestError, AuthenticationError."""
        return self.family(deployment.model, request.dialect.name).provider_call(call, request, deployment)


def host_of(region: str) -> str:
    """The vendor's address in a region."""
    return f"https://bedrock-runtime.{region}.{domain_of(region)}"
