"""What all families of models share: addresses, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from nova_core.errors import AuthenticationError, NovaError
from nova_core.types.deployment import Deployment
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import UpstreamRequest, UpstreamResponse
from nova_core.wire.provider import DialectProvider, Lane, without_secrets
from nova_plugin_bedrock.credentials import REGION, keys_in
from nova_plugin_bedrock.errors import read_error
from nova_plugin_bedrock.names import read_name
from nova_plugin_bedrock.sigv4 import Scope, Unsigned, sign

SERVICE = "bedrock"
MODEL_ID = "model_id"
"""The setting with the id or ARN to ask for, where the model's name only says what kind it is."""
ACTIONS = ("/converse", "/converse-stream", "/invoke", "/invoke-with-response-stream", "/count-tokens")
NOT_SENT = ("model", "stream")
"""Members of a request that are said by its URL."""


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


class Signed(DialectProvider):
    """A provider whose requests carry a bearer token, or the signature of an access key."""

    action: ClassVar[str]
    stream_action: ClassVar[str] = ""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock

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

    def body(self, request: Request, lane: Lane) -> bytes:
        """What is sent."""
        return request.without(*NOT_SENT).encode()

    def action_of(self, lane: Lane, streamed: bool) -> str:
        """What is asked of the model."""
        return self.stream_action if streamed else self.action

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request with its credentials; of the headers, the content's type and Amazon's own are signed.

        Raises AuthenticationError when there are none.
        """
        parts = urlsplit(lane.url)
        url = urlunsplit((parts.scheme, parts.netloc, parts.path + self.action_of(lane, streamed), parts.query, ""))
        body = self.body(request, lane)
        proof = self._proof(lane.deployment, Unsigned("POST", url, _signed(headers), body))
        return UpstreamRequest(url, "POST", (*headers, *proof), body, streamed)

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """What a status of 400 and above means, by the name of the exception."""
        return read_error(response)

    def _proof(self, deployment: Deployment, request: Unsigned) -> list[tuple[str, str]]:
        if deployment.api_key is not None and (key := deployment.api_key.reveal()):
            return [("Authorization", f"Bearer {key}")]
        keys = keys_in(deployment.settings)
        if keys is None:
            raise AuthenticationError(
                f"no credentials for provider {deployment.provider}: the operator must set `aws_access_key_id` and "
                f"`aws_secret_access_key`, `aws_profile_name` or `api_key` for {deployment.model}, or the environment "
                "variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK",
                code="missing_api_key",
            )
        return sign(request, keys, Scope(str(deployment.settings[REGION]), SERVICE, self._clock()))

    def _read_error(self, deployment: Deployment, response: UpstreamResponse) -> NovaError:
        """The error without the key, and without what a refused signature quotes."""
        error = without_secrets(self.read_error(response), deployment, self.secret_headers)
        keys = keys_in(deployment.settings)
        for secret in (keys.secret_key, keys.session_token) if keys is not None else ():
            if secret is not None:
                error.message = error.message.replace(secret.reveal(), "****")
        error.args = (error.message,)
        return error


def _signed(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(item for item in headers if item[0].lower() == "content-type" or item[0].lower().startswith("x-amz-"))


def encoded(request: Request, **changes: object) -> bytes:
    """A request's body with members of the vendor's."""
    return msgspec.json.encode({**request.without(*NOT_SENT).members, **changes})
