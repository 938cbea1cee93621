"""Soniox's API: a file is uploaded, and transcribed by a job that is asked about until it is done."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.multipart import form_request
from nova_core.wire.provider import DialectProvider, Lane, of_deployment
from nova_plugin_soniox.job import FILES, JOBS, Upload, transcribed
from nova_plugin_soniox.transcripts import SONIOX_TRANSCRIPTION


class Soniox(DialectProvider):
    """`soniox/{model}`, such as `soniox/stt-async-v4`."""

    providers = ("soniox",)
    base_url = "https://api.soniox.com"
    api_base_env = ("SONIOX_API_BASE",)
    api_key_env = ("SONIOX_API_KEY",)
    dialects: Mapping[Operation, Dialect] = {"transcription": SONIOX_TRANSCRIPTION}
    paths: Mapping[Operation, str] = {"transcription": FILES}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Bearer`, when there is a key."""
        key = self.key(deployment)
        return [("Authorization", f"Bearer {key}")] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where files are uploaded; the base may end with the version, or where jobs are."""
        parts = urlsplit(deployment.api_base or self.base_url)
        place = parts.path.rstrip("/")
        for known in (FILES, JOBS, "/v1"):
            place = place.removesuffix(known)
        return urlunsplit((parts.scheme, parts.netloc, place + FILES, "", ""))

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The upload of the file; all else is said of the job."""
        config = plain(request.without("stream").members)
        form = form_request(lane.url, {"file": config.pop("file")}, headers, False)
        return Upload(form.url, form.method, form.headers, form.body, False, config=config)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt: the upload, the job and its transcript; what the vendor keeps of them is deleted."""
        exchange = super().provider_call(call, request, deployment)
        assert isinstance(exchange.request, Upload)
        return transcribed(exchange, exchange.request.config)
