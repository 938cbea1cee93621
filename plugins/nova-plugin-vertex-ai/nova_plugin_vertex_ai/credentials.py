"""Credentials: what they are, and the exchanges that make a token of them."""

# https://google.aip.dev/auth (4110 default credentials, 4112 service accounts, 4117 workload identity federation),
# https://cloud.google.com/compute/docs/access/authenticate-workloads (metadata server)

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from nova_core.errors import AuthenticationError
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest, UpstreamResponse
from nova_core.wire.steps import Steps
from nova_plugin_vertex_ai.jwt import signed
from nova_plugin_vertex_ai.subjects import Subject, json_object

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
LIFETIME = 3600.0
METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and how many seconds it is good for."""

    secret: Secret
    seconds: float


class Credentials(Protocol):
    """A way to get tokens."""

    def steps(self, now: float) -> Steps[Token]:
        """The exchanges for one token, `now` in Unix seconds. Raises AuthenticationError."""
        ...


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account's key: an assertion that it signs is exchanged for a token."""

    email: str
    private_key: Secret
    token_uri: str
    key_id: str | None = None

    def steps(self, now: float) -> Steps[Token]:
        """One exchange."""
        claims = {"iss": self.email, "scope": SCOPE, "aud": self.token_uri, "iat": int(now), "exp": int(now + LIFETIME)}
        assertion = signed(claims, self.private_key.reveal(), key_id=self.key_id)
        response = yield form(self.token_uri, {"grant_type": JWT_GRANT, "assertion": assertion})
        return token_of(response)


@dataclass(frozen=True, slots=True)
class AuthorizedUser:
    """A user's refresh token, as `gcloud auth application-default login` writes it."""

    client_id: str
    client_secret: Secret
    refresh_token: Secret
    token_uri: str

    def steps(self, now: float) -> Steps[Token]:
        """One exchange."""
        fields = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "client_secret": self.client_secret.reveal(),
            "refresh_token": self.refresh_token.reveal(),
        }
        response = yield form(self.token_uri, fields)
        return token_of(response)


@dataclass(frozen=True, slots=True)
class WorkforceUser:
    """A user of another identity provider, as `gcloud auth application-default login` writes it for one."""

    client_id: str
    client_secret: Secret
    refresh_token: Secret
    token_url: str

    def steps(self, now: float) -> Steps[Token]:
        """One exchange."""
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret.reveal()}".encode()).decode()
        asked = form(self.token_url, {"grant_type": "refresh_token", "refresh_token": self.refresh_token.reveal()})
        response = yield msgspec.structs.replace(asked, headers=(*asked.headers, ("Authorization", f"Basic {pair}")))
        return token_of(response)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The service account of the machine, asked of its metadata server."""

    host: str

    def steps(self, now: float) -> Steps[Token]:
        """One exchange."""
        response = yield UpstreamRequest(f"http://{self.host}{METADATA_PATH}", "GET", (("Metadata-Flavor", "Google"),))
        return token_of(response)


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """Workload identity federation: another provider's token is exchanged for one of Google's."""

    audience: str
    subject_token_type: str
    token_url: str
    subject: Subject

    def steps(self, now: float) -> Steps[Token]:
        """One exchange, after the one that gets the subject's token, if it needs one."""
        subject_token = yield from self.subject.steps(now)
        fields = {
            "grant_type": EXCHANGE_GRANT,
            "audience": self.audience,
            "scope": SCOPE,
            "requested_token_type": ACCESS_TOKEN,
            "subject_token_type": self.subject_token_type,
            "subject_token": subject_token,
        }
        response = yield form(self.token_url, fields)
        return token_of(response)


@dataclass(frozen=True, slots=True)
class Impersonated:
    """A service account that other credentials may act as."""

    source: Credentials
    url: str
    delegates: tuple[str, ...] = ()
    seconds: int = int(LIFETIME)

    def steps(self, now: float) -> Steps[Token]:
        """One exchange more than the source needs."""
        token = yield from self.source.steps(now)
        body = {"scope": [SCOPE], "delegates": list(self.delegates), "lifetime": f"{self.seconds}s"}
        bearer = ("Authorization", f"Bearer {token.secret.reveal()}")
        headers = (("Content-Type", "application/json"), bearer)
        response = yield UpstreamRequest(self.url, "POST", headers, msgspec.json.encode(body))
        # `expireTime` is a time of day; the lifetime was asked for and is never made longer.
        return token_of(response, name="accessToken", seconds=min(self.seconds, token.seconds))


def form(url: str, fields: Mapping[str, str]) -> UpstreamRequest:
    """A request with a form as its body."""
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    return UpstreamRequest(url, "POST", headers, urlencode(fields).encode())


def token_of(response: UpstreamResponse, *, name: str = "access_token", seconds: float | None = None) -> Token:
    """The token that an answer holds. Raises AuthenticationError when it holds none."""
    found = json_object(response.body)
    token, stated = found.get(name), found.get("expires_in", seconds)
    if not isinstance(token, str) or not token:
        raise AuthenticationError("the token service answered without a token")
    return Token(Secret(token), float(stated) if isinstance(stated, int | float) else LIFETIME)
