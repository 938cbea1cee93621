"""What all families of models share: addresses, and who asks."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from nova_core.types.deployment import Deployment
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.provider import Lane
from nova_core.wire.sigv4 import Signed
from nova_plugin_bedrock.names import read_name

BEARER = "AWS_BEARER_TOKEN_BEDROCK"
MODEL_ID = "model_id"
"""The setting with the id or ARN to ask for, where the model's name only says what kind it is."""
ACTIONS = ("/converse", "/converse-stream", "/invoke", "/invoke-with-response-stream", "/count-tokens")
RUNTIME, AGENT_RUNTIME = "bedrock-runtime.", "bedrock-agent-runtime."
NOT_SENT = ("model", "stream")
"""Members of a request that are said by its URL."""


class BearerOrSigned(Signed):
    """A family of models whose requests carry a bearer token, or a signature."""

    service = "bedrock"

    def missing(self, deployment: Deployment) -> str:
        """What the operator may set, as the end of a sentence."""
        return f"`api_key`, {super().missing(deployment)} or {BEARER}"


class ModelRuntime(BearerOrSigned):
    """A family of models behind `/model/{id}`."""

    action: ClassVar[str]
    stream_action: ClassVar[str] = ""

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """`/model/{id}`, to which the action is appended; a base that is the whole resource stays."""
        parts = urlsplit(deployment.api_base or "")
        path = parts.path.rstrip("/")
        for action in ACTIONS:
            path = path.removesuffix(action)
        if "/model/" not in path:
            model = deployment.settings.get(MODEL_ID) or read_name(deployment.model).id
            path += f"/model/{quote(str(model), safe='')}"
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

    def payload(self, request: Request, lane: Lane, *, streamed: bool) -> bytes:
        """What is sent."""
        return request.without(*NOT_SENT).encode()

    def action_of(self, lane: Lane, streamed: bool) -> str:
        """What is asked of the model."""
        return self.stream_action if streamed else self.action

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request with its credentials. Raises AuthenticationError when there are none."""
        parts = urlsplit(lane.url)
        url = urlunsplit((parts.scheme, parts.netloc, parts.path + self.action_of(lane, streamed), parts.query, ""))
        return self.signed_request(
            lane, url, headers, self.payload(request, lane, streamed=streamed), streamed=streamed
        )


def encoded(request: Request, **changes: object) -> bytes:
    """A request's body with members of the vendor's."""
    return msgspec.json.encode({**request.without(*NOT_SENT).members, **changes})


def at_host(base: str, host: str) -> str:
    """An address of the model runtime's at a neighbouring host; one of the operator's own stays."""
    parts = urlsplit(base)
    if parts.netloc.startswith(RUNTIME):
        parts = parts._replace(netloc=host + parts.netloc.removeprefix(RUNTIME))
    return urlunsplit(parts)
