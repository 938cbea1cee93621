"""What every call of a workspace carries: a personal access token, or a token of a service principal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nova_core.errors import AuthenticationError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.wire.granted import Granted
from nova_plugin_databricks.addresses import workspace
from nova_plugin_databricks.principal import Principal, principal_of

VARIABLES: Mapping[str, str] = {"client_id": "DATABRICKS_CLIENT_ID", "client_secret": "DATABRICKS_CLIENT_SECRET"}
"""Settings of a deployment, and the environment variables that stand in for them."""


class Workspace(Granted):
    """Says who asks. A deployment's own key or principal beats the environment's, and there a principal beats a key."""

    api_base_env = ("DATABRICKS_API_BASE", "DATABRICKS_HOST")
    api_key_env = ("DATABRICKS_API_KEY", "DATABRICKS_TOKEN")
    settings_keys: tuple[str, ...] = tuple(VARIABLES)

    def grant(self, deployment: Deployment) -> Principal | None:
        """The service principal of a deployment without a key."""
        if deployment.api_key is not None and deployment.api_key.reveal():
            return None
        return principal_of(deployment.settings, workspace(deployment.api_base or ""))

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, and key or principal. Raises ConfigurationError without an address."""
        stated = {name: value for name in self.api_base_env if (value := environ.get(name, "").strip())}
        environ = {
            **environ,
            **{name: value if "://" in value else f"https://{value}" for name, value in stated.items()},
        }
        if deployment.api_key is None or not deployment.api_key.reveal():
            found = {name: environ[said] for name, said in VARIABLES.items() if environ.get(said, "").strip()}
            own = {name: value for name, value in deployment.settings.items() if value is not None}
            deployment = replace(deployment, settings={**found, **own})
        if self.grant(deployment) is not None:
            environ = {name: value for name, value in environ.items() if name not in self.api_key_env}
        return super().complete(deployment, environ)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key of a deployment that has one, else its principal's token. Raises AuthenticationError for neither."""
        if found := super().headers(deployment, call):
            return found
        raise AuthenticationError(
            f"no key for provider {deployment.provider}: the operator must set `api_key`, or `client_id` and "
            f"`client_secret`, for {deployment.model}, or the environment variable {' or '.join(self.api_key_env)}",
            code="missing_api_key",
        )
