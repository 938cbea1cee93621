"""Entra ID: who asks, and the request that gets a token."""

# https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (and v2-oauth-ropc)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from nova_core.errors import AuthenticationError, NovaError
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest, UpstreamResponse
from nova_core.wire.upstream_errors import error_from_response

AUTHORITY = "https://login.microsoftonline.com"
SCOPE = "https://cognitiveservices.azure.com/.default"
ANY_TENANT = "organizations"
LIFETIME = 3600.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and how many seconds it is good for."""

    secret: Secret
    seconds: float


@dataclass(frozen=True, slots=True)
class Identity:
    """An application with its secret, or a user with a password (who names the application that asks)."""

    tenant: str
    client_id: str
    client_secret: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    scope: str = SCOPE
    authority: str = AUTHORITY

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What is never sent to anybody but the authority."""
        return tuple(secret for secret in (self.client_secret, self.password) if secret is not None)

    def request(self) -> UpstreamRequest:
        """What asks the authority for a token."""
        fields = {"client_id": self.client_id, "scope": self.scope, "grant_type": "client_credentials"}
        if self.password is not None:
            fields |= {"grant_type": "password", "username": self.username or "", "password": self.password.reveal()}
        if self.client_secret is not None:
            fields["client_secret"] = self.client_secret.reveal()
        url = f"{self.authority.rstrip('/')}/{quote(self.tenant, safe='')}/oauth2/v2.0/token"
        headers = (("Content-Type", "application/x-www-form-urlencoded"),)
        return UpstreamRequest(url, "POST", headers, urlencode(fields).encode())


def identity_of(settings: Mapping[str, Any]) -> Identity | None:
    """The identity that a deployment's settings describe; None where something is missing."""
    said = {name: value for name, value in settings.items() if isinstance(value, str) and value}
    tenant, client = said.get("tenant_id"), said.get("client_id")
    username, password = said.get("azure_username"), said.get("azure_password")
    secret = Secret(said["client_secret"]) if "client_secret" in said else None
    scope, authority = said.get("azure_scope", SCOPE), said.get("azure_authority_host", AUTHORITY)
    if client and username and password:
        return Identity(tenant or ANY_TENANT, client, secret, username, Secret(password), scope, authority)
    if tenant and client and secret is not None:
        return Identity(tenant, client, secret, scope=scope, authority=authority)
    return None


def token_of(response: UpstreamResponse) -> Token:
    """The token that an answer holds. Raises AuthenticationError when it holds none."""
    try:
        found = msgspec.json.decode(response.body)
    except msgspec.DecodeError as error:
        raise AuthenticationError("the token service's answer is not JSON") from error
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token:
        raise AuthenticationError("the token service answered without a token")
    seconds = found.get("expires_in")
    try:
        return Token(Secret(token), float(seconds) if isinstance(seconds, int | float | str) else LIFETIME)
    except ValueError:
        return Token(Secret(token), LIFETIME)


def refused(identity: Identity, response: UpstreamResponse) -> NovaError:
    """What it means that the authority answered with an error: bad credentials, unless it is busy or broken."""
    error = error_from_response(response)
    message = _description(response.body) or error.message
    for secret in identity.secrets:
        message = message.replace(secret.reveal(), "****")
    if error.status >= 500 or error.status == 429:
        error.message, error.args = message, (message,)
        return error
    told = AuthenticationError(f"the credentials were refused: {message}", code="credentials_refused")
    told.from_upstream = True
    return told


def _description(body: bytes) -> str:
    """OAuth's `error_description`; what follows its first line are ids of the request."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    text = found.get("error_description") if isinstance(found, dict) else None
    return text.splitlines()[0][:300] if isinstance(text, str) and text.strip() else ""
