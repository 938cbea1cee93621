"""What all of Azure's APIs share: a key, a token that the operator has, or one that is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from nova_core.errors import AuthenticationError, NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.provider import DialectProvider
from nova_plugin_azure.entra import Identity, WithSecret
from nova_plugin_azure.identities import KIND, SECRETS, STATIC_TOKEN, VARIABLES, identity_of, with_named_token
from nova_plugin_azure.tokens import Tokens

ADDRESS = "azure_address"
"""Where a deployment was completed with its address, which callers may have replaced since."""


class Authorized(DialectProvider):
    """A provider whose calls carry a key or a token; where there is no good token, it is fetched first.

    A deployment's own settings beat the environment's: one that names its identity needs no key.
    """

    settings_keys: tuple[str, ...] = tuple(VARIABLES)

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens or Tokens()

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, and key, token or identity. Raises ConfigurationError without an address."""
        own_key = deployment.api_key is not None and bool(deployment.api_key.reveal())
        own_identity = not own_key and _can_ask(deployment.settings)
        complete = super().complete(deployment, environ)
        if own_identity:
            complete = replace(complete, api_key=None)
        settings = dict(complete.settings)
        if complete.api_key is None:
            found = {name: environ[said] for name, said in VARIABLES.items() if environ.get(said, "").strip()}
            if own_identity:
                found.pop(STATIC_TOKEN, None)
            settings = {**found, **{name: value for name, value in settings.items() if value is not None}}
            settings = with_named_token(settings, environ)
        self._tokens.operators.update((*_secrets(settings), *_secrets({**settings, STATIC_TOKEN: None})))
        return replace(complete, settings={**settings, ADDRESS: complete.api_base})

    def key_header(self, deployment: Deployment, key: str) -> tuple[str, str]:
        """How a key is sent."""
        return "api-key", key

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key of a deployment that has one, else its token. Raises AuthenticationError without either."""
        if deployment.api_key is not None and (key := deployment.api_key.reveal()):
            return [self.key_header(deployment, key)]
        token = deployment.settings.get(STATIC_TOKEN)
        if isinstance(token, str) and token:
            return [("Authorization", f"Bearer {token}")]
        if (identity := _identity(deployment)) is not None:
            return [("Authorization", f"Bearer {self._tokens.last(identity).reveal()}")]
        raise AuthenticationError(
            f"no key and no identity for provider {deployment.provider}: the operator must set `api_key`, "
            f"`{STATIC_TOKEN}`, `{KIND}`, or `tenant_id`, `client_id` and `client_secret` for {deployment.model}, "
            f"or the environment variable {' or '.join(self.api_key_env)}",
            code="missing_api_key",
        )

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, after the exchange for a token where one is needed."""
        ask = partial(super().provider_call, call, request, deployment)
        if deployment.api_key is not None and deployment.api_key.reveal():
            return ask()
        self._check_address(deployment)
        identity = _identity(deployment)
        if identity is None or self._tokens.current(identity) is not None:
            return ask()
        return self._tokens.fetch(identity, self.dialect_for(request.operation, deployment), ask)

    def _check_address(self, deployment: Deployment) -> None:
        """Raises AuthenticationError where the operator's token would go to an address that a caller has set."""
        if deployment.settings.get(ADDRESS) == deployment.api_base:
            return
        identity = _identity(deployment)
        machines = identity is not None and not isinstance(identity, WithSecret)
        if machines or not self._tokens.operators.isdisjoint(_secrets(deployment.settings)):
            raise AuthenticationError("the operator's credentials are not sent to another `api_base`")

    def _read_error(self, deployment: Deployment, response: UpstreamResponse) -> NovaError:
        """The error, a static token masked in it; a fetched token that was refused is not used again."""
        error = super()._read_error(deployment, response)
        if response.status == 401 and (identity := _identity(deployment)) is not None:
            self._tokens.forget(identity)
        for secret in _secrets(deployment.settings):
            error.message = error.message.replace(secret.reveal(), "****")
        error.args = (error.message,)
        return error


def _identity(deployment: Deployment) -> Identity | None:
    """Whose token is fetched for a deployment; None where it has one already."""
    return None if deployment.settings.get(STATIC_TOKEN) else identity_of(deployment.settings)


def _can_ask(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get(STATIC_TOKEN)) or bool(settings.get(KIND)) or identity_of(settings) is not None


def _secrets(settings: Mapping[str, Any]) -> list[Secret]:
    """What is sent, or what a token is fetched with."""
    names = (STATIC_TOKEN,) if settings.get(STATIC_TOKEN) else SECRETS
    return [Secret(value) for name in names if isinstance(value := settings.get(name), str) and value]
