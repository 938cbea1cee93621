"""Managed identities: the machine, or the service that runs this process, gives out its tokens."""

# https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token (machines) and
# https://learn.microsoft.com/azure/app-service/overview-managed-identity (App Service, Functions, Container Apps)

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.steps import Steps
from nova_plugin_azure.entra import Token, token_of

MACHINE = "http://169.254.169.254/metadata/identity/oauth2/token"
MACHINE_VERSION = "2018-02-01"
SERVICE_VERSION = "2019-08-01"


@dataclass(frozen=True, slots=True)
class Managed:
    """The identity that was assigned to the machine or service; `client_id` chooses among several.

    With a `header`, `endpoint` is that of a service.
    """

    resource: str
    client_id: str | None = None
    endpoint: str = MACHINE
    header: Secret | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The service's own."""
        return (self.header,) if self.header is not None else ()

    def steps(self, now: float) -> Steps[Token]:
        """One exchange."""
        version = MACHINE_VERSION if self.header is None else SERVICE_VERSION
        query = {"api-version": version, "resource": self.resource}
        if self.client_id:
            query["client_id"] = self.client_id
        proof = ("Metadata", "true") if self.header is None else ("X-IDENTITY-HEADER", self.header.reveal())
        response = yield UpstreamRequest(f"{self.endpoint}?{urlencode(query)}", "GET", (proof,))
        return token_of(response, now)
