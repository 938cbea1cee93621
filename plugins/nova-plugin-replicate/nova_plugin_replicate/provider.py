"""Replicate: predictions of official models, of versions, and of deployments."""

from __future__ import annotations

import math
from collections.abc import Mapping

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.fetched_images import with_data
from nova_core.wire.file_in_json import FilesInJson
from nova_core.wire.provider import DialectProvider, Lane, of_deployment
from nova_core.wire.sse import SseParser
from nova_plugin_replicate.chat import REPLICATE_CHAT
from nova_plugin_replicate.images import REPLICATE_IMAGE_EDITS, REPLICATE_IMAGES
from nova_plugin_replicate.places import predictions_url, version_of
from nova_plugin_replicate.polling import followed

IMAGES: frozenset[Operation] = frozenset({"image_generation", "image_edit"})
LEAST_CANCELLED = 5
"""Seconds; the vendor takes no shorter time after which a prediction is ended."""


class Replicate(DialectProvider):
    """`replicate/{owner}/{model}`, `replicate/{owner}/{model}:{version}`, `replicate/deployments/{owner}/{name}`."""

    providers = ("replicate",)
    base_url = "https://api.replicate.com/v1"
    api_base_env = ("REPLICATE_API_BASE",)
    api_key_env = ("REPLICATE_API_KEY", "REPLICATE_API_TOKEN")
    dialects: Mapping[Operation, Dialect] = {
        "chat": REPLICATE_CHAT,
        "image_generation": REPLICATE_IMAGES,
        "image_edit": REPLICATE_IMAGE_EDITS,
    }

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Bearer`; a deployment's `timeout` is told, so that nobody pays for what nobody awaits."""
        key = self.key(deployment)
        authorized = [("Authorization", f"Bearer {key}")] if key else []
        if deployment.timeout is None:
            return authorized
        return [*authorized, ("Cancel-After", f"{max(LEAST_CANCELLED, math.ceil(deployment.timeout))}s")]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where predictions are made."""
        return predictions_url(deployment.api_base or self.base_url or "", deployment.model)

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The HTTP request. What is not streamed is answered at once when it is done within a minute."""
        version = version_of(lane.deployment.model)
        body = request.without("model")
        if version is not None:
            body = body.with_members({"version": version})
        if not streamed:
            headers = (*headers, ("Prefer", "wait"))
        edits = lane.dialect.operation == "image_edit"
        return UpstreamRequest(lane.url, "POST", headers, FilesInJson(plain(body.members)) if edits else body.encode())

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt: a prediction is made, and seen through to its end."""
        exchange = super().provider_call(call, request, deployment)
        exchange = followed(exchange, self._lanes[deployment.id, request.dialect.name], SseParser)
        wants_data = request.operation in IMAGES and request.get("response_format") == "b64_json"
        return with_data(exchange) if wants_data else exchange
