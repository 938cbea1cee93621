"""Service keys, and the tokens that they are exchanged for."""

# https://help.sap.com/docs/sap-ai-core/sap-ai-core-service-guide/create-service-key

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest

TOKEN_PATH = "/oauth/token"


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A client of the service instance; `api` is where the instance is asked, where the key says it."""

    client_id: str
    client_secret: Secret
    auth_url: str
    api: str | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The client's secret, and the form in which it is sent."""
        return (self.client_secret, Secret(self._basic()))

    def request(self) -> UpstreamRequest:
        """What asks for a token."""
        headers = (
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Authorization", f"Basic {self._basic()}"),
        )
        url = self.auth_url.rstrip("/").removesuffix(TOKEN_PATH) + TOKEN_PATH
        return UpstreamRequest(url, "POST", headers, b"grant_type=client_credentials")

    def _basic(self) -> str:
        return base64.b64encode(f"{self.client_id}:{self.client_secret.reveal()}".encode()).decode()


def key_in(text: str) -> ServiceKey | None:
    """The service key in a JSON document, also where it stands under `credentials`; None for any other text."""
    try:
        said = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    said = said.get("credentials", said) if isinstance(said, dict) else {}
    urls = said.get("serviceurls") if isinstance(said, dict) else None
    api = urls.get("AI_API_URL") if isinstance(urls, dict) else None
    return _made(said.get("clientid"), said.get("clientsecret"), said.get("url"), api)


def key_of(settings: Mapping[str, Any]) -> ServiceKey | None:
    """The service key that a deployment's settings describe part by part; None where something is missing."""
    names = ("aicore_client_id", "aicore_client_secret", "aicore_auth_url", "aicore_base_url")
    return _made(*(settings.get(name) for name in names))


def _made(client_id: Any, secret: Any, auth_url: Any, api: Any) -> ServiceKey | None:
    if not all(isinstance(each, str) and each for each in (client_id, secret, auth_url)):
        return None
    return ServiceKey(client_id, Secret(secret), auth_url, api if isinstance(api, str) and api else None)
