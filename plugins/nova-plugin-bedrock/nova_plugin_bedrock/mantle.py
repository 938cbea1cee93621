"""Bedrock's endpoint for OpenAI's API, and for Claude's own: requests carry a key, or a signature."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html and …/inference-messages-api.html

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.messages_models import MessagesEndpoint
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import RESPONSES, RESPONSES_PATHS, OpenAICompatible
from nova_core.wire.provider import Lane
from nova_core.wire.sigv4 import Keychain, Signed
from nova_core.wire.sigv4.choosing import REGION, SETTINGS, Chooser
from nova_core.wire.sigv4.signed import now, with_keys
from nova_plugin_bedrock.names import CLAUDE
from nova_plugin_bedrock.signed import BEARER

SERVICE: Final = "bedrock-mantle"
VERSION: Final = "2023-06-01"
MESSAGES: Final = "/anthropic/v1/messages"


class SignedMantle(Signed):
    """What both APIs share: who asks."""

    service = SERVICE
    base_url = "https://bedrock-mantle.{aws_region_name|AWS_REGION_NAME|AWS_REGION}.api.aws/v1"
    api_base_env: tuple[str, ...] = ("BEDROCK_MANTLE_API_BASE",)
    api_key_env: tuple[str, ...] = ("BEDROCK_MANTLE_API_KEY", BEARER)

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, region, and keys. Raises ConfigurationError for what is half given."""
        settings: dict[str, Any] = dict(deployment.settings)
        chooser = Chooser(settings, environ)
        region = settings[REGION] = chooser.region()
        asked = {} if chooser.stated else environ
        known = {name: environ[name] for name in self.api_base_env if name in environ}
        base = f"https://{self.service}.{region}.api.aws/v1"
        complete = super().complete(
            replace(deployment, api_base=deployment.api_base or known.get(self.api_base_env[0]) or base), asked
        )
        keyed = complete.api_key is not None
        return replace(complete, settings=settings if keyed else with_keys(settings, chooser, region))

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request with its credentials. Raises AuthenticationError when there are none."""
        made = super().outgoing(lane, request, headers, streamed)
        return self.signed_request(lane, made.url, headers, made.content, streamed=streamed)

    def missing(self, deployment: Deployment) -> str:
        """What the operator may set, as the end of a sentence."""
        return f"`api_key`, {super().missing(deployment)}, {' or '.join(self.api_key_env)}"


class MantleClaude(SignedMantle, MessagesEndpoint):
    """Claude in the words of the Messages API, which is the only one that serves it here."""

    dialects: Mapping[Operation, Dialect] = {"chat": ANTHROPIC_MESSAGES}

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The version of the API."""
        return [("anthropic-version", VERSION)]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The Messages API beside OpenAI's."""
        parts = urlsplit(deployment.api_base or "")
        path = parts.path.rstrip("/")
        for known in (MESSAGES, "/chat/completions", "/responses", "/v1", "/openai", "/anthropic"):
            path = path.removesuffix(known)
        return urlunsplit((parts.scheme, parts.netloc, path + MESSAGES, parts.query, ""))


class Mantle(SignedMantle, OpenAICompatible):
    """`bedrock_mantle/{model}`: chat completions and the Responses API; Claude is asked in its own words."""

    providers = ("bedrock_mantle",)
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT}
    natives = RESPONSES
    native_paths = RESPONSES_PATHS
    settings_keys = (*OpenAICompatible.settings_keys, *SETTINGS)

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        keychain = Keychain(clock)
        super().__init__(keychain)
        self._claude = MantleClaude(keychain)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """None: who asks is told when the body is known."""
        return []

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Raises UnsupportedParamsError, BadRequestError, AuthenticationError."""
        if CLAUDE.search(deployment.model):
            return self._claude.provider_call(call, request, deployment)
        return super().provider_call(call, request, deployment)
