"""What all endpoints share: addresses, signatures, streams in parts, and what a container's errors mean."""

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html and
# …/API_runtime_InvokeEndpointWithResponseStream.html

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from nova_core.errors import ConfigurationError, NovaError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.events import Frame
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import FrameParser, UpstreamRequest, UpstreamResponse
from nova_core.wire.enveloped import failed_frame
from nova_core.wire.event_stream import EXCEPTION, EventStream
from nova_core.wire.openai_compatible import OpenAICompatible
from nova_core.wire.provider import Lane
from nova_core.wire.sigv4 import Signed
from nova_core.wire.sigv4.choosing import REGION, SETTINGS, Chooser, domain_of, said
from nova_core.wire.sigv4.errors import exception
from nova_core.wire.sigv4.signed import with_keys
from nova_core.wire.upstream_errors import error_from_response

BASE: Final = "sagemaker_base_url"
COMPONENT: Final = "model_id"
"""The setting with the inference component to ask, where an endpoint serves several."""
INVOCATIONS: Final = "/invocations"
STREAMED: Final = "-response-stream"


class Endpoint(Signed, OpenAICompatible):
    """An endpoint of the operator's, named by the model; subclasses say what its container understands."""

    service = "sagemaker"
    base_url = "https://runtime.sagemaker.{aws_region_name|AWS_REGION_NAME|AWS_REGION}.amazonaws.com"
    api_base_env = ("SAGEMAKER_API_BASE",)
    key_required = False
    settings_keys = (*OpenAICompatible.settings_keys, *SETTINGS, BASE, COMPONENT)

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, region and keys. Raises ConfigurationError for what is half given, or no address."""
        settings: dict[str, Any] = dict(deployment.settings)
        chooser = Chooser(settings, environ)
        region = settings[REGION] = said(settings, REGION) or chooser.region()
        stated = deployment.api_base or said(settings, BASE) or environ.get(self.api_base_env[0], "").strip()
        base = stated or f"https://runtime.sagemaker.{region}.{domain_of(region)}"
        if not base.startswith(("http://", "https://")):
            raise ConfigurationError(f"`{BASE}` of {deployment.model} must start with http:// or https://")
        keyed = deployment.api_key is not None and bool(deployment.api_key.reveal())
        settings = settings if keyed else with_keys(settings, chooser, region)
        return replace(deployment, api_base=base, settings=settings)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The component to ask; whoever asks is told when the body is known."""
        component = said(deployment.settings, COMPONENT)
        return [("X-Amzn-SageMaker-Inference-Component", component)] if component else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """`/endpoints/{name}/invocations`; an address that is the whole resource stays."""
        parts = urlsplit(deployment.api_base or "")
        path = parts.path.rstrip("/").removesuffix(STREAMED)
        if not path.endswith(INVOCATIONS):
            path += f"/endpoints/{quote(deployment.model, safe='')}{INVOCATIONS}"
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request with its credentials. Raises AuthenticationError when there are none."""
        made = super().outgoing(lane, request, headers, streamed)
        parts = urlsplit(made.url)
        path = parts.path + (STREAMED if streamed else "")
        url = urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
        return self.signed_request(lane, url, headers, made.content, streamed=streamed)

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """The container's own error where it says one, else that of the service."""
        try:
            body = msgspec.json.decode(response.body)
            status, message = body["OriginalStatusCode"], body["OriginalMessage"]
        except (msgspec.DecodeError, KeyError, TypeError):
            return super().read_error(response)
        if not isinstance(status, int) or not isinstance(message, str) or not 400 <= status < 600:
            return super().read_error(response)
        return error_from_response(UpstreamResponse(status, response.headers, message.encode()))


class PayloadParts:
    """Binary messages whose payloads, one after the other, are what the container streams. A `FrameParser`."""

    def __init__(self, inner: FrameParser) -> None:
        self._outer = EventStream()
        self._inner = inner

    def feed(self, data: bytes) -> list[Frame]:
        """The container's frames that `data` completes, or a message's error. Raises StreamBrokenError."""
        return [found for frame in self._outer.feed(data) for found in self._frames(frame)]

    def end(self) -> list[Frame]:
        """Frames left at the end of data. Raises StreamBrokenError where a message was begun."""
        return [*self._outer.end(), *self._inner.end()]

    def _frames(self, frame: Frame) -> list[Frame]:
        event = frame.event or ""
        if event.startswith(EXCEPTION):
            return [failed_frame(exception(event.removeprefix(EXCEPTION), frame.data))]
        return self._inner.feed(frame.data)
