"""Who asks watsonx.ai, and on whose account: tokens of IBM Cloud, keys of Cloud Pak for Data, projects and spaces."""

# https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey and
# https://cloud.ibm.com/apidocs/watsonx-ai#authentication

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from nova_core.errors import AuthenticationError, NovaError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest, UpstreamResponse
from nova_core.wire.granted import ADDRESS, Granted
from nova_plugin_watsonx.errors import read_error

IAM: Final = "https://iam.cloud.ibm.com/identity/token"
API_KEY_GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"
DEFAULT_VERSION: Final = "2024-03-13"
TOKEN, ZEN_KEY, IAM_URL, VERSION = "token", "zen_api_key", "iam_url", "api_version"
PROJECT, SPACE = "project_id", "space_id"
CREDENTIALS: Final[Mapping[str, tuple[str, ...]]] = {
    TOKEN: ("WATSONX_TOKEN",),
    ZEN_KEY: ("WATSONX_ZENAPIKEY", "WATSONX_ZEN_API_KEY"),
}
VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    PROJECT: ("WATSONX_PROJECT_ID", "WX_PROJECT_ID", "PROJECT_ID"),
    SPACE: ("WATSONX_SPACE_ID", "WATSONX_DEPLOYMENT_SPACE_ID", "WX_SPACE_ID", "SPACE_ID"),
    IAM_URL: ("WATSONX_IAM_URL",),
    VERSION: ("WATSONX_API_VERSION",),
}
"""Settings of a deployment, and the environment variables that stand in for them."""
DEPLOYED: Final = "deployment/"
"""Before the id of a deployment, in the place of a model's name."""


@dataclass(frozen=True, slots=True)
class CloudKey:
    """An API key of IBM Cloud, which is exchanged for a token."""

    key: Secret
    url: str

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What is never sent to anybody but the token service."""
        return (self.key,)

    def request(self) -> UpstreamRequest:
        """What asks for a token."""
        form = urlencode({"grant_type": API_KEY_GRANT, "apikey": self.key.reveal()})
        headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
        return UpstreamRequest(self.url, "POST", headers, form.encode())


class Access(Granted):
    """A deployment's own token or key beats the environment's; there, a token beats a key."""

    api_base_env = ("WATSONX_API_BASE", "WATSONX_URL", "WX_URL", "WML_URL")
    api_key_env = ("WATSONX_API_KEY", "WATSONX_APIKEY", "WX_API_KEY")
    settings_keys: tuple[str, ...] = (*CREDENTIALS, *VARIABLES)

    def grant(self, deployment: Deployment) -> CloudKey | None:
        """The key of a deployment that has no token of its own."""
        settings, key = deployment.settings, deployment.api_key
        if settings.get(TOKEN) or settings.get(ZEN_KEY) or key is None or not key.reveal():
            return None
        return CloudKey(key, str(settings.get(IAM_URL) or IAM))

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, account, and token or key. Raises ConfigurationError without an address."""
        own = {name: value for name, value in deployment.settings.items() if value not in (None, "")}
        keyed = deployment.api_key is not None and bool(deployment.api_key.reveal())
        if PROJECT in own or SPACE in own:
            asked = {name: said for name, said in VARIABLES.items() if name not in (PROJECT, SPACE)}
        else:
            asked = dict(VARIABLES)
        if not keyed and not own.keys() & CREDENTIALS.keys():
            asked |= CREDENTIALS
        found = {name: value for name, names in asked.items() if (value := _first(environ, names))}
        return super().complete(replace(deployment, settings={**found, **own}), environ)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The token, or the key of Cloud Pak for Data. Raises AuthenticationError where there is nothing to send."""
        settings = deployment.settings
        stated = settings.get(TOKEN) or settings.get(ZEN_KEY)
        if stated and settings.get(ADDRESS) != deployment.api_base:
            raise AuthenticationError("the operator's credentials are not sent to another `api_base`")
        if settings.get(TOKEN):
            return [("Authorization", f"Bearer {settings[TOKEN]}")]
        if settings.get(ZEN_KEY):
            return [("Authorization", f"ZenApiKey {settings[ZEN_KEY]}")]
        found = super().headers(deployment, call)
        if not found and not any(name.lower() == "authorization" for name in deployment.extra_headers):
            raise AuthenticationError(
                f"no key for provider {deployment.provider}: the operator must set `api_key`, `{TOKEN}` or `{ZEN_KEY}` "
                f"for {deployment.model}, or the environment variable {' or '.join(self.api_key_env)}",
                code="missing_api_key",
            )
        return found

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """What a status of 400 and above means."""
        return read_error(response)

    def _read_error(self, deployment: Deployment, response: UpstreamResponse) -> NovaError:
        error = super()._read_error(deployment, response)
        for name in CREDENTIALS:
            if secret := deployment.settings.get(name):
                error.message = error.message.replace(str(secret), "****")
        error.args = (error.message,)
        return error


def address(deployment: Deployment, path: str) -> str:
    """Where `path`, such as `/text/chat`, is served for a model, or for a deployment of one."""
    parts = urlsplit(deployment.api_base or "")
    base = parts.path.rstrip("/").partition("/ml/v1")[0]
    model = deployment.model
    place = f"/deployments/{quote(model.removeprefix(DEPLOYED), safe='')}" if model.startswith(DEPLOYED) else ""
    query = urlencode({"version": str(deployment.settings.get(VERSION) or DEFAULT_VERSION)})
    query = parts.query if "version=" in parts.query else "&".join(filter(None, (parts.query, query)))
    return urlunsplit((parts.scheme, parts.netloc, f"{base}/ml/v1{place}{path}", query, ""))


def account(deployment: Deployment) -> dict[str, Any]:
    """The model, and the project or space that pays; nothing for a deployment, which knows both.

    Raises AuthenticationError when neither is known.
    """
    if deployment.model.startswith(DEPLOYED):
        return {}
    for name in (PROJECT, SPACE):
        if deployment.settings.get(name):
            return {"model_id": deployment.model, name: deployment.settings[name]}
    raise AuthenticationError(
        f"the operator must set `{PROJECT}` or `{SPACE}` for {deployment.model}, or the environment variable "
        f"{VARIABLES[PROJECT][0]} or {VARIABLES[SPACE][0]}",
        code="missing_project",
    )


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := environ.get(name, "").strip())), None)
