"""Anthropic's Messages API: messages and token counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from nova_core.errors import AuthenticationError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.secret import Secret
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.messages_models import MessagesModels
from nova_plugin_anthropic.betas import betas_for

VERSION = "2023-06-01"
TOKEN_PREFIX = "sk-ant-oat"
"""What OAuth tokens begin with; they are sent as Bearer, keys are sent as `x-api-key`."""
TOKEN_ENV = "ANTHROPIC_AUTH_TOKEN"
TOKEN_BETA = "oauth-2025-04-20"
BEARER = "bearer"
VERSION_PATH = "/v1"


class Anthropic(MessagesModels):
    """`anthropic/…`: chat over `/v1/messages`, and `/v1/messages/count_tokens`."""

    providers = ("anthropic",)
    base_url = "https://api.anthropic.com"
    api_base_env = ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL")
    api_key_env = ("ANTHROPIC_API_KEY",)
    dialects: Mapping[Operation, Dialect] = {"chat": ANTHROPIC_MESSAGES, "count_tokens": ANTHROPIC_COUNT_TOKENS}
    paths: Mapping[Operation, str] = {"chat": "/v1/messages", "count_tokens": "/v1/messages/count_tokens"}
    joined_headers = frozenset({"anthropic-beta"})

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
        version = call.headers.get("anthropic-version") if _speaks_messages(call) else None
        headers = [("anthropic-version", version or VERSION)]
        if key is None:
            return headers
        if key.startswith(TOKEN_PREFIX):
            return [("Authorization", f"Bearer {key}"), ("anthropic-beta", TOKEN_BETA), *headers]
        if deployment.settings.get(BEARER):
            return [("Authorization", f"Bearer {key}"), *headers]
        return [("x-api-key", key), *headers]

    def request_headers(self, request: Request, call: Call) -> list[tuple[str, str]]:
        """`anthropic-beta`: what the request needs, and what a caller of this API asked for."""
        asked = call.headers.get("anthropic-beta", "") if _speaks_messages(call) else ""
        names = dict.fromkeys([*betas_for(request), *(name.strip() for name in asked.split(","))])
        value = ",".join(name for name in names if name)
        return [("anthropic-beta", value)] if value else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Bases with and without `/v1` (and `/v1/messages`) mean the same."""
        parts = urlsplit(deployment.api_base or self.base_url)
        base = parts.path.rstrip("/")
        for path in (*sorted(self.paths.values(), key=len, reverse=True), VERSION_PATH):
            base = base.removesuffix(path)
        return urlunsplit((parts.scheme, parts.netloc, base + self.paths[operation], parts.query, ""))


def _speaks_messages(call: Call) -> bool:
    """Whether the caller used this API, so that its headers mean what they say."""
    return call.original.dialect in (ANTHROPIC_MESSAGES, ANTHROPIC_COUNT_TOKENS)
