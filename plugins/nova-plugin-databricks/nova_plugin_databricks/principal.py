"""Service principals, and the request that gets a token for one."""

# https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest


@dataclass(frozen=True, slots=True)
class Principal:
    """A service principal of a workspace, which is named by its address."""

    workspace: str
    client_id: str
    client_secret: Secret

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What is never sent to anybody but the workspace."""
        return (self.client_secret,)

    def request(self) -> UpstreamRequest:
        """What asks the workspace for a token."""
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret.reveal()}".encode()).decode()
        headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", f"Basic {pair}"))
        form = urlencode({"grant_type": "client_credentials", "scope": "all-apis"})
        return UpstreamRequest(f"{self.workspace}/oidc/v1/token", "POST", headers, form.encode())


def principal_of(settings: Mapping[str, Any], workspace: str) -> Principal | None:
    """The service principal that a deployment's settings name; None where they name none."""
    client, secret = settings.get("client_id"), settings.get("client_secret")
    if not (isinstance(client, str) and client and isinstance(secret, str) and secret):
        return None
    return Principal(workspace, client, Secret(secret))
