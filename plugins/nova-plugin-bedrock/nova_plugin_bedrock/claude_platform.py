"""Claude Platform on AWS: the vendor's own Messages API, which AWS signs and bills for."""

# https://docs.aws.amazon.com/claude-platform/latest/userguide/making-requests.html and …/authentication.html

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from nova_core.errors import ConfigurationError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.messages_models import MessagesEndpoint
from nova_core.wire.provider import Lane
from nova_core.wire.sigv4.choosing import REGION
from nova_plugin_bedrock.mantle import VERSION, SignedMantle
from nova_plugin_bedrock.names import read_name
from nova_plugin_bedrock.signed import MODEL_ID

WORKSPACE: Final = ("anthropic_workspace_id", "anthropic_aws_workspace_id")
WORKSPACE_ENV: Final = "ANTHROPIC_AWS_WORKSPACE_ID"


class ClaudePlatform(SignedMantle, MessagesEndpoint):
    """`bedrock/claude_platform/{model}`: messages and counts of their tokens, of one workspace."""

    service = "aws-external-anthropic"
    api_base_env = ("ANTHROPIC_AWS_BASE_URL",)
    api_key_env = ("ANTHROPIC_AWS_API_KEY",)
    dialects: Mapping[Operation, Dialect] = {"chat": ANTHROPIC_MESSAGES, "count_tokens": ANTHROPIC_COUNT_TOKENS}
    paths: Mapping[Operation, str] = {"chat": "/v1/messages", "count_tokens": "/v1/messages/count_tokens"}

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, region, keys and workspace. Raises ConfigurationError without a workspace."""
        settings: dict[str, Any] = dict(deployment.settings)
        stated = (str(settings[name]) for name in WORKSPACE if settings.get(name))
        workspace = next(stated, "") or environ.get(WORKSPACE_ENV, "").strip()
        if not workspace:
            raise ConfigurationError(
                f"{deployment.model} needs a workspace: `{WORKSPACE[0]}`, or the environment variable {WORKSPACE_ENV}"
            )
        settings[WORKSPACE[0]] = workspace
        if (region := settings.get(REGION) or read_name(deployment.model).region) is not None:
            settings[REGION] = region
        return super().complete(replace(deployment, settings=settings), environ)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The version of the API, and whose models are asked."""
        return [("anthropic-version", VERSION), ("anthropic-workspace-id", deployment.settings[WORKSPACE[0]])]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Bases with and without `/v1` mean the same."""
        parts = urlsplit(deployment.api_base or "")
        path = parts.path.rstrip("/")
        for known in (*sorted(self.paths.values(), key=len, reverse=True), "/v1"):
            path = path.removesuffix(known)
        return urlunsplit((parts.scheme, parts.netloc, path + self.paths[operation], parts.query, ""))

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request for the model by the vendor's own name for it."""
        model = lane.deployment.settings.get(MODEL_ID) or read_name(lane.deployment.model).id
        return super().outgoing(lane, request.with_members({"model": str(model)}), headers, streamed)
