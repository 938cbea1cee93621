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
from nova_plugin_bedrock.credentials import (
    ACCESS_KEY,
    NOT_SERVED,
    PROFILE,
    REGION,
    SECRET_KEY,
    SESSION_TOKEN,
    Sources,
)
from nova_plugin_bedrock.embeddings import COHERE_EMBED, MOST_TEXTS, TITAN_EMBED
from nova_plugin_bedrock.families import ConverseModels, Embeddings, InvokedClaude
from nova_plugin_bedrock.names import CLAUDE, EMBEDS, read_name
from nova_plugin_bedrock.signed import MODEL_ID, now

ENDPOINT = "aws_bedrock_runtime_endpoint"
BEARER = "AWS_BEARER_TOKEN_BEDROCK"


class Bedrock(Provider):
    """`bedrock/…`, `bedrock/converse/…`, `bedrock/invoke/…` (Claude) and `bedrock_converse/…`."""

    providers = ("bedrock", "bedrock_converse")
    base_url = "https://bedrock-runtime.{aws_region_name|AWS_REGION_NAME|AWS_REGION}.amazonaws.com"
    api_base_env: tuple[str, ...] = (ENDPOINT.upper(),)
    api_key_env = (BEARER,)
    settings_keys = (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, PROFILE, REGION, ENDPOINT, MODEL_ID, *NOT_SERVED)

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._converse = ConverseModels(clock)
        self._claude = InvokedClaude(clock)
        self._titan = Embeddings(TITAN_EMBED, 1, clock)
        self._cohere = Embeddings(COHERE_EMBED, MOST_TEXTS, clock)

    def family(self, model: str, dialect: str = "") -> DialectProvider:
        """Who speaks for a model. Callers of the Messages API reach Claude in their own words."""
        if EMBEDS.search(model):
            return self._cohere if "cohere" in model else self._titan
        route = read_name(model).route
        if route == "invoke" or (route is None and dialect == ANTHROPIC_MESSAGES.name and CLAUDE.search(model)):
            return self._claude
        return self._converse

    def operations(self, model: str) -> frozenset[str]:
        """What the model's family serves; without a model's name, what any does."""
        served = self.family(model).operations(model)
        return served if model else served | self._titan.operations(model)

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, region and keys. Raises ConfigurationError for what is not served, or half given."""
        settings: dict[str, Any] = dict(deployment.settings)
        if asked := [name for name in NOT_SERVED if settings.get(name)]:
            raise ConfigurationError(
                f"`{asked[0]}` of {deployment.model} is not served: give keys, or a profile of them"
            )
        try:
            name = read_name(deployment.model)
        except ValueError as error:
            raise ConfigurationError(f"{deployment.provider}/{deployment.model}: {error}") from error
        if name.route == "invoke" and not (CLAUDE.search(deployment.model) or EMBEDS.search(deployment.model)):
            raise ConfigurationError(f"{deployment.model}: only Claude and embeddings are served through `invoke/`")
        sources = Sources(settings, environ)
        stated = settings.get(REGION) or read_name(str(settings.get(MODEL_ID) or "")).region or name.region
        settings[REGION] = stated or sources.region()
        base = (
            deployment.api_base or settings.get(ENDPOINT) or environ.get(ENDPOINT.upper()) or host_of(settings[REGION])
        )
        if not str(base).startswith(("http://", "https://")):
            raise ConfigurationError(f"`{ENDPOINT}` of {deployment.model} must start with http:// or https://")
        key = deployment.api_key if deployment.api_key is not None and deployment.api_key.reveal() else None
        if key is None and not sources.stated and (bearer := environ.get(BEARER, "").strip()):
            key = Secret(bearer)
        if key is None and (keys := sources.keys()) is not None:
            token = keys.session_token
            settings |= {ACCESS_KEY: keys.access_key, SECRET_KEY: keys.secret_key, SESSION_TOKEN: token}
        return replace(deployment, api_base=str(base), api_key=key, settings=settings)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Raises UnsupportedParamsError, BadRequestError, AuthenticationError."""
        return self.family(deployment.model, request.dialect.name).provider_call(call, request, deployment)


def host_of(region: str) -> str:
    """The vendor's address in a region."""
    ending = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://bedrock-runtime.{region}.{ending}"
