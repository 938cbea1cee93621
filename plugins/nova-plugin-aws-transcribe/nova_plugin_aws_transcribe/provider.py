"""Amazon Transcribe, which hears files that are in S3."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final
from uuid import uuid4

import msgspec

from nova_core.errors import AuthenticationError, ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upload import File
from nova_core.types.upstream import Exchange, Gathered, UpstreamRequest
from nova_core.wire.provider import DialectProvider, Lane
from nova_core.wire.sigv4 import Signed
from nova_core.wire.sigv4.choosing import REGION, SETTINGS, Chooser, domain_of, said
from nova_core.wire.sigv4.signature import Keys, Scope, Unsigned, sign
from nova_core.wire.sigv4.signed import Keychain, with_keys
from nova_plugin_aws_transcribe.job import Place, transcribed
from nova_plugin_aws_transcribe.transcripts import AMAZON_TRANSCRIPTION

BUCKET: Final = "s3_bucket_name"
STORE: Final = "aws_s3_endpoint"
"""The setting for another address of S3."""
FOLDER: Final = "nova-transcripts"
MOST_SENT: Final = 512 * 1024 * 1024
"""Bytes of a file: it is signed as a whole, and so is held while it is sent."""


class Sending(UpstreamRequest, frozen=True, kw_only=True):
    """A file that is to go to S3, and what follows."""

    first: Gathered
    place: Place
    config: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Sending({self.url!r})"


class InJobs(DialectProvider):
    """Files that are sent are transcribed by jobs."""

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt: the file, and the job on it."""
        exchange = super().provider_call(call, request, deployment)
        sending = exchange.request
        assert isinstance(sending, Sending)
        return transcribed(msgspec.structs.replace(exchange, request=sending.first), sending.place, sending.config)


class Transcribe(Signed, InJobs):
    """`transcribe/standard`, or `transcribe/{custom language model}`; files go through a bucket of the operator's."""

    service = "transcribe"
    providers = ("transcribe",)
    base_url = "https://transcribe.{aws_region_name|AWS_REGION_NAME|AWS_REGION}.amazonaws.com"
    api_base_env = ("AWS_TRANSCRIBE_API_BASE",)
    key_required = False
    settings_keys: tuple[str, ...] = (*SETTINGS, BUCKET, STORE)
    dialects: Mapping[Operation, Dialect] = {"transcription": AMAZON_TRANSCRIPTION}
    paths: Mapping[Operation, str] = {"transcription": "/"}

    def __init__(self, keychain: Keychain | None = None, name: Callable[[], str] = lambda: uuid4().hex) -> None:
        super().__init__(keychain)
        self._name = name

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Addresses, region, bucket and keys. Raises ConfigurationError without a bucket, or what is half given."""
        settings: dict[str, Any] = dict(deployment.settings)
        chooser = Chooser(settings, environ)
        region = settings[REGION] = said(settings, REGION) or chooser.region()
        bucket = said(settings, BUCKET) or environ.get("AWS_S3_BUCKET_NAME", "").strip()
        if not bucket:
            raise ConfigurationError(
                f"set `{BUCKET}` for {deployment.model}, or the environment variable AWS_S3_BUCKET_NAME: "
                "files are transcribed from there"
            )
        domain = domain_of(region)
        settings |= {BUCKET: bucket, STORE: said(settings, STORE) or f"https://s3.{region}.{domain}"}
        stated = deployment.api_base or environ.get(self.api_base_env[0], "").strip()
        base = stated or f"https://transcribe.{region}.{domain}"
        completed = replace(deployment, api_base=base, settings=with_keys(settings, chooser, region))
        return super().complete(completed, environ)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """None before something is signed. Raises AuthenticationError when there are no keys."""
        self._known(deployment)
        return []

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The file, and the job that follows."""
        config = plain(request.without("model", "stream").members)
        file = config.pop("file")
        assert isinstance(file, File)
        name, settings = self._name(), lane.deployment.settings
        key = f"{settings[BUCKET]}/{FOLDER}/{name}"
        extra = tuple(header for header in headers if header[0].lower() != "content-type")
        signer = partial(self._signed, lane.deployment, extra)
        place = Place(lane.url, f"{str(settings[STORE]).rstrip('/')}/{key}", f"nova-{name}", signer)
        made = partial(signer, "s3", "PUT", place.file, Content_Type=file.content_type)
        first = Gathered(place.file, "PUT", body=file, made=made, most=MOST_SENT)
        config["Media"] = {"MediaFileUri": f"s3://{key}"}
        return Sending(place.file, "PUT", first=first, place=place, config=config)

    def _signed(
        self,
        deployment: Deployment,
        extra: tuple[tuple[str, str], ...],
        service: str,
        method: str,
        url: str,
        body: bytes,
        **headers: str,
    ) -> UpstreamRequest:
        own = [(name.replace("_", "-"), value) for name, value in headers.items()]
        if service == "s3":
            own.append(("X-Amz-Content-Sha256", hashlib.sha256(body).hexdigest()))
        scope = Scope(str(deployment.settings[REGION]), service, self._keychain.clock())
        proof = sign(Unsigned(method, url, tuple(own), body), self._known(deployment), scope)
        return UpstreamRequest(url, method, (*extra, *own, *proof), body or None)

    def _known(self, deployment: Deployment) -> Keys:
        keys = self._keys(deployment)
        if keys is None:
            raise AuthenticationError(
                f"no credentials for provider {deployment.provider}: the operator must set {self.missing(deployment)}",
                code="missing_api_key",
            )
        return keys
