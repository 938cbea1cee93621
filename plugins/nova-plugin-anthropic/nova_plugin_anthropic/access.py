"""Who asks Anthropic's APIs, in which version, and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from nova_core.errors import AuthenticationError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Operation
from nova_core.types.secret import Secret
from nova_core.wire.provider import DialectProvider

VERSION = "2023-06-01"
TOKEN_PREFIX = "sk-ant-oat"
"""What OAuth tokens begin with; they are sent as Bearer, keys are sent as `x-api-key`."""
TOKEN_ENV = "ANTHROPIC_AUTH_TOKEN"
TOKEN_BETA = "oauth-2025-04-20"
BEARER = "bearer"
VERSION_PATH = "/v1"


class AnthropicApi(DialectProvider):
    """Key or token, version and address; subclasses say what is asked there."""

    base_url = "https://api.anthropic.com"
    api_base_env = ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL")
    api_key_env = ("ANTHROPIC_API_KEY",)

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address and key; without a key, a token (`ANTHROPIC_AUTH_TOKEN`), which is sent as Bearer."""
        complete = super().complete(deployment, environ)
        token = environ.get(TOKEN_ENV, "").strip()
        if complete.api_key is not None or not token:
            return complete
        return replace(complete, api_key=Secret(token), settings={**complete.settings, BEARER: True})

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """Key or token, and the API version. Raises AuthenticationError without either."""
        try:
            key = self.key(deployment)
        except AuthenticationError as error:
            raise AuthenticationError(f"{error.message} (or {TOKEN_ENV} for a token)", code=error.code) from None
        headers = [("anthropic-version", self.version(call))]
        if key is None:
            return headers
        if key.startswith(TOKEN_PREFIX):
            return [("Authorization", f"Bearer {key}"), ("anthropic-beta", TOKEN_BETA), *headers]
        if deployment.settings.get(BEARER):
            return [("Authorization", f"Bearer {key}"), *headers]
        return [("x-api-key", key), *headers]

    def version(self, call: Call) -> str:
        """The version of the API that is asked."""
        return VERSION

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Bases with and without `/v1` (and `/v1/messages`) mean the same."""
        parts = urlsplit(deployment.api_base or self.base_url)
        base = parts.path.rstrip("/")
        for path in (*sorted(self.paths.values(), key=len, reverse=True), VERSION_PATH):
            base = base.removesuffix(path)
        return urlunsplit((parts.scheme, parts.netloc, base + self.paths[operation], parts.query, ""))
