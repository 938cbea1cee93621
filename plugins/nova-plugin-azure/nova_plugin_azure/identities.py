"""Which identity a deployment's settings describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import ConfigurationError
from nova_core.types.secret import Secret
from nova_core.wire.errands import NAMED, IdentityToken, identity_token
from nova_plugin_azure.entra import (
    ANY_TENANT,
    AUTHORITY,
    SCOPE,
    Application,
    Federated,
    Identity,
    WithCertificate,
    WithSecret,
)
from nova_plugin_azure.machine import MACHINE, Managed

STATIC_TOKEN: Final = "azure_ad_token"
FEDERATED_TOKEN: Final = "azure_federated_token"
FEDERATED_FILE: Final = "azure_federated_token_file"
KIND: Final = "azure_credential"
VARIABLES: Final[Mapping[str, str]] = {
    STATIC_TOKEN: "AZURE_AD_TOKEN",
    "tenant_id": "AZURE_TENANT_ID",
    "client_id": "AZURE_CLIENT_ID",
    "client_secret": "AZURE_CLIENT_SECRET",
    "azure_username": "AZURE_USERNAME",
    "azure_password": "AZURE_PASSWORD",
    "azure_scope": "AZURE_SCOPE",
    "azure_authority_host": "AZURE_AUTHORITY_HOST",
    KIND: "AZURE_CREDENTIAL",
    FEDERATED_FILE: "AZURE_FEDERATED_TOKEN_FILE",
    "client_certificate_path": "AZURE_CLIENT_CERTIFICATE_PATH",
    "client_certificate_password": "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "azure_identity_endpoint": "IDENTITY_ENDPOINT",
    "azure_identity_header": "IDENTITY_HEADER",
}
"""Settings of a deployment, and the environment variables that stand in for them."""
SECRETS: Final = ("client_secret", "azure_password")
"""What a token is fetched with, and callers may have of their own."""
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "UsernamePasswordCredential": ("user",),
    "ClientSecretCredential": ("secret",),
    "CertificateCredential": ("certificate",),
    "WorkloadIdentityCredential": ("federated",),
    "ManagedIdentityCredential": ("service", "machine"),
    "DefaultAzureCredential": ("secret", "certificate", "federated", "service", "machine"),
}
"""What is tried for each value of `azure_credential`; the names are those of Azure's own libraries."""
UNASKED: Final = ("user", "secret", "certificate", "federated", "service")
"""What is tried where nothing is said: nobody asks a machine that may be none of Azure's."""


def with_named_token(settings: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings with the token that `oidc/…` names. Raises ConfigurationError for a name or kind that is none."""
    kind = settings.get(KIND)
    if kind and kind not in KINDS:
        raise ConfigurationError(f"`{KIND}: {kind}` is not known; there are {', '.join(KINDS)}")
    given = settings.get(STATIC_TOKEN)
    if not isinstance(given, str) or not given.startswith(NAMED):
        return dict(settings)
    found = identity_token(given, environ)
    rest = {name: value for name, value in settings.items() if name != STATIC_TOKEN}
    if not (rest.get("tenant_id") and rest.get("client_id")):
        raise ConfigurationError(f"`{STATIC_TOKEN}: {NAMED}…` needs `tenant_id` and `client_id`")
    return {**rest, KIND: "WorkloadIdentityCredential", FEDERATED_TOKEN: found.text, FEDERATED_FILE: found.file}


def identity_of(settings: Mapping[str, Any]) -> Identity | None:
    """The identity that a deployment's settings describe; None where something is missing."""
    told = {name: value for name, value in settings.items() if isinstance(value, str) and value}
    for kind in KINDS.get(told.get(KIND, ""), UNASKED):
        found = _of_kind(kind, told, settings)
        if found is not None:
            return found
    return None


def _of_kind(kind: str, told: Mapping[str, str], settings: Mapping[str, Any]) -> Identity | None:
    tenant, client = told.get("tenant_id"), told.get("client_id")
    scope, authority = told.get("azure_scope", SCOPE), told.get("azure_authority_host", AUTHORITY)
    if kind in ("service", "machine"):
        return _managed(kind, told, scope.removesuffix("/.default"))
    if not client or not (tenant or kind == "user"):
        return None
    application = Application(tenant or ANY_TENANT, client, scope, authority)
    secret = Secret(told["client_secret"]) if "client_secret" in told else None
    match kind:
        case "user":
            username, password = told.get("azure_username"), told.get("azure_password")
            return WithSecret(application, secret, username, Secret(password)) if username and password else None
        case "secret":
            return WithSecret(application, secret) if secret is not None else None
        case "certificate":
            path, locked = told.get("client_certificate_path"), told.get("client_certificate_password")
            return WithCertificate(application, path, Secret(locked) if locked else None) if path else None
    text, file = settings.get(FEDERATED_TOKEN), told.get(FEDERATED_FILE)
    if not isinstance(text, Secret) and not file:
        return None
    return Federated(application, IdentityToken(text if isinstance(text, Secret) else None, file))


def _managed(kind: str, told: Mapping[str, str], resource: str) -> Identity | None:
    endpoint, header = told.get("azure_identity_endpoint"), told.get("azure_identity_header")
    if kind == "service":
        return Managed(resource, told.get("client_id"), endpoint, Secret(header)) if endpoint and header else None
    return Managed(resource, told.get("client_id"), endpoint or MACHINE)
