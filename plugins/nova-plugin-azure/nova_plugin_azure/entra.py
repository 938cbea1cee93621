"""Entra ID: who asks, and the requests that get a token."""

# https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (secret, certificate, federated
# credential) and v2-oauth-ropc (user)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from nova_core.errors import AuthenticationError, NovaError
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest, UpstreamResponse
from nova_core.wire.errands import IdentityToken, reading
from nova_core.wire.steps import Steps
from nova_core.wire.upstream_errors import error_from_response
from nova_plugin_azure.certificate import assertion

AUTHORITY = "https://login.microsoftonline.com"
SCOPE = "https://cognitiveservices.azure.com/.default"
ANY_TENANT = "organizations"
LIFETIME = 3600.0
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and how many seconds it is good for."""

    secret: Secret
    seconds: float


class Identity(Protocol):
    """Somebody who gets tokens; equal identities get the same."""

    def __hash__(self) -> int: ...

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What is never sent to anybody but the authority; empty for what only this machine can prove."""
        ...

    def steps(self, now: float) -> Steps[Token]:
        """The exchanges for a token, `now` in Unix seconds. Raises AuthenticationError."""
        ...


@dataclass(frozen=True, slots=True)
class Application:
    """An application of a tenant, and where it asks for which token."""

    tenant: str
    client_id: str
    scope: str = SCOPE
    authority: str = AUTHORITY

    @property
    def url(self) -> str:
        """Where tokens are asked for."""
        return f"{self.authority.rstrip('/')}/{quote(self.tenant, safe='')}/oauth2/v2.0/token"

    def request(self, **fields: str) -> UpstreamRequest:
        """What asks the authority for a token."""
        asked = {"client_id": self.client_id, "scope": self.scope, "grant_type": "client_credentials", **fields}
        headers = (("Content-Type", "application/x-www-form-urlencoded"),)
        return UpstreamRequest(self.url, "POST", headers, urlencode(asked).encode())


@dataclass(frozen=True, slots=True)
class WithSecret:
    """An application with its secret, or a user with a password (who names the application that asks)."""

    application: Application
    client_secret: Secret | None = None
    username: str | None = None
    password: Secret | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The application's, and the user's."""
        return tuple(secret for secret in (self.client_secret, self.password) if secret is not None)

    def steps(self, now: float) -> Steps[Token]:
        """One exchange."""
        fields = {}
        if self.password is not None:
            fields = {"grant_type": "password", "username": self.username or "", "password": self.password.reveal()}
        if self.client_secret is not None:
            fields["client_secret"] = self.client_secret.reveal()
        response = yield self.application.request(**fields)
        return token_of(response, now)


@dataclass(frozen=True, slots=True)
class Federated:
    """An application that trusts another identity provider (workload identity)."""

    application: Application
    identity: IdentityToken

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """None: the token is this machine's."""
        return ()

    def steps(self, now: float) -> Steps[Token]:
        """One exchange, after its token was read."""
        token = yield from self.identity.steps()
        response = yield self.application.request(client_assertion_type=ASSERTION, client_assertion=token)
        return token_of(response, now)


@dataclass(frozen=True, slots=True)
class WithCertificate:
    """An application with a certificate, whose file holds the key too."""

    application: Application
    path: str
    password: Secret | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """None that is ever sent."""
        return ()

    def steps(self, now: float) -> Steps[Token]:
        """One exchange, after the file was read."""
        file = yield reading(self.path)
        password = self.password.reveal().encode() if self.password is not None else None
        signed = assertion(file.body, password, self.application.client_id, self.application.url, now)
        response = yield self.application.request(client_assertion_type=ASSERTION, client_assertion=signed)
        return token_of(response, now)


def token_of(response: UpstreamResponse, now: float) -> Token:
    """The token that an answer holds. Raises AuthenticationError when it holds none."""
    found = _object(response.body)
    if found is None:
        raise AuthenticationError("the token service's answer is not a JSON object")
    token = found.get("access_token")
    if not isinstance(token, str) or not token:
        raise AuthenticationError("the token service answered without a token")
    seconds, end = _number(found.get("expires_in")), _number(found.get("expires_on"))
    if seconds is None:
        seconds = LIFETIME if end is None else max(0.0, end - now)
    return Token(Secret(token), seconds)


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
    text = (_object(body) or {}).get("error_description")
    return text.splitlines()[0][:300] if isinstance(text, str) and text.strip() else ""


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None
