"""Models that embed by jobs: what starts one, and who signs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from nova_core.errors import AuthenticationError, ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import DialectProvider, Lane
from nova_core.wire.sigv4 import Keychain, Scope, Signed, Unsigned, sign
from nova_core.wire.sigv4.choosing import REGION, domain_of, said
from nova_plugin_bedrock.jobs import Job, embedded
from nova_plugin_bedrock.names import read_name
from nova_plugin_bedrock.signed import MODEL_ID, NOT_SENT

OUTPUT: Final = "output_s3_uri"
"""The setting for the place in S3 in which each job has a folder."""
STORE: Final = "aws_s3_endpoint"
"""The setting for another address of S3."""
PATH: Final = "/async-invoke"
NOTHING: Final = hashlib.sha256(b"").hexdigest()


class InJobs(DialectProvider):
    """Whatever is asked starts a job."""

    def job(self, exchange: Exchange, deployment: Deployment) -> Exchange:
        """The exchange that starts it, which leads to its result."""
        raise AssertionError("subclasses know where results are")

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; vectors are coded where the caller wants that."""
        exchange = super().provider_call(call, request, deployment)
        return in_asked_coding(request, self.job(exchange, deployment))


class EmbeddingJobs(Signed, InJobs):
    """`bedrock/async_invoke/{model}`: one family of models; `manifest` says that a job's result is several files."""

    service = "bedrock"

    def __init__(self, dialect: Dialect, keychain: Keychain, *, manifest: bool) -> None:
        super().__init__(keychain)
        self.dialects: Mapping[Operation, Dialect] = {"embedding": dialect}
        self._manifest = manifest

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where jobs are started."""
        parts = urlsplit(deployment.api_base or "")
        path = parts.path.rstrip("/").removesuffix(PATH) + PATH
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request that starts a job. Raises AuthenticationError when there are no keys."""
        settings = lane.deployment.settings
        body = {
            "modelId": str(settings.get(MODEL_ID) or read_name(lane.deployment.model).id),
            "modelInput": request.without(*NOT_SENT).members,
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"{settings[OUTPUT]}/"}},
        }
        return self.signed_request(lane, lane.url, headers, msgspec.json.encode(body), streamed=False)

    def job(self, exchange: Exchange, deployment: Deployment) -> Exchange:
        """The exchanges of a job."""
        settings = deployment.settings

        def ask(service: str, url: str) -> UpstreamRequest:
            return self._asking(deployment, service, url)

        job = Job(exchange, exchange.request.url, str(settings[STORE]), str(settings[OUTPUT]), ask)
        return embedded(job, manifest=self._manifest)

    def _asking(self, deployment: Deployment, service: str, url: str) -> UpstreamRequest:
        keys = self._keys(deployment)
        if keys is None:
            raise AuthenticationError(f"no keys to sign with: the operator must set {self.missing(deployment)}")
        own = (("X-Amz-Content-Sha256", NOTHING),) if service == "s3" else ()
        scope = Scope(str(deployment.settings[REGION]), service, self._keychain.clock())
        proof = sign(Unsigned("GET", url, own, b""), keys, scope)
        extra = () if service == "s3" else tuple(deployment.extra_headers.items())
        return UpstreamRequest(url, "GET", (*extra, *own, *proof))


def with_output(deployment: Deployment, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with the places in S3. Raises ConfigurationError without one for results, or without keys for it."""
    output = (said(settings, OUTPUT) or "").rstrip("/")
    if not output.startswith("s3://"):
        raise ConfigurationError(f"`{OUTPUT}` of {deployment.model} says where jobs put their results: s3://bucket/…")
    if deployment.api_key is not None and deployment.api_key.reveal():
        raise ConfigurationError(f"{deployment.model}: results are read from S3 with access keys, not with `api_key`")
    region = settings[REGION]
    store = (said(settings, STORE) or f"https://s3.{region}.{domain_of(region)}").rstrip("/")
    return {**settings, OUTPUT: output, STORE: store}
