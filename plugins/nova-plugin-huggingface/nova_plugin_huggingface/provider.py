"""Hugging Face: chats through the router or at endpoints of one's own; embeddings and rerank in the servers' words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nova_core.errors import BadRequestError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upload import File
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import OpenAICompatible
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import Lane
from nova_plugin_huggingface.embeddings import EMBED, FEATURES
from nova_plugin_huggingface.media import SPEECH_RECOGNITION, TEXT_TO_IMAGE
from nova_plugin_huggingface.places import FEATURES as FEATURES_PATH
from nova_plugin_huggingface.places import (
    OWN_SERVICE,
    ROUTER,
    extracts_features,
    is_router,
    routed,
    server_url,
    service_of,
    service_url,
    speaks_openai,
)
from nova_plugin_huggingface.rerank import RERANK, as_asked

NAMELESS = "tgi"
"""What servers of one model are told where a deployment has an address for a name."""


class HuggingFace(OpenAICompatible):
    """`huggingface/{organisation}/{model}`, or `huggingface/{provider}/{organisation}/{model}`."""

    providers = ("huggingface",)
    base_url = ROUTER
    api_base_env = ("HF_API_BASE", "HUGGINGFACE_API_BASE")
    api_key_env = ("HUGGINGFACE_API_KEY", "HF_TOKEN")
    dialects: Mapping[Operation, Dialect] = {
        "chat": OPENAI_CHAT,
        "embedding": EMBED,
        "rerank": RERANK,
        "image_generation": TEXT_TO_IMAGE,
        "transcription": SPEECH_RECOGNITION,
    }
    paths: Mapping[Operation, str] = {"chat": "/v1/chat/completions", "embedding": "/embed", "rerank": "/rerank"}

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address and key; a model's name that is an address is where it is served."""
        if deployment.model.startswith(("http://", "https://")):
            deployment = replace(deployment, api_base=deployment.api_base or deployment.model, model=NAMELESS)
        return super().complete(deployment, environ)

    def dialect_for(self, operation: Operation, deployment: Deployment) -> Dialect:
        """The dialect of an operation. Raises BadRequestError for what the router does not serve."""
        base = deployment.api_base or ROUTER
        if operation == "embedding" and (is_router(base) or extracts_features(base)):
            return FEATURES
        if operation == "embedding" and speaks_openai(base):
            return OPENAI_EMBEDDINGS
        return super().dialect_for(operation, deployment)

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served. Raises BadRequestError for what the router does not serve."""
        base = deployment.api_base or ROUTER
        if operation == "chat" or not is_router(base):
            return self._server(base, operation)
        service, model = service_of(deployment.model)
        if operation != "rerank" and service == OWN_SERVICE:
            return service_url(base, model, FEATURES_PATH if operation == "embedding" else "")
        raise BadRequestError(
            f"the router does not serve {operation} by {service} (model {deployment.model}): set `api_base` to an "
            "endpoint that does",
            code="unsupported_operation",
        )

    def to_upstream(self, request: Request) -> Request:
        """Formats that name the model in their address do not say it again."""
        request = super().to_upstream(request)
        return request if request.dialect in (OPENAI_CHAT, OPENAI_EMBEDDINGS) else request.without("model")

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The HTTP request; the router is told which provider is to serve the model."""
        if isinstance(file := request.members.get("file"), File):
            kept = tuple((name, value) for name, value in headers if name.lower() != "content-type")
            return UpstreamRequest(lane.url, "POST", (*kept, ("Content-Type", file.content_type)), file)
        if lane.dialect is OPENAI_CHAT and is_router(lane.url):
            request = request.with_members({"model": routed(lane.deployment.model)})
        return super().outgoing(lane, request, headers, streamed)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; vectors and results are answered as they were asked for."""
        exchange = super().provider_call(call, request, deployment)
        if exchange.dialect is RERANK:
            return as_asked(request, exchange)
        coded = request.operation == "embedding" and exchange.dialect is not OPENAI_EMBEDDINGS
        return in_asked_coding(request, exchange) if coded else exchange

    def _server(self, base: str, operation: Operation) -> str:
        if operation == "embedding" and extracts_features(base):
            return base
        if operation not in self.paths:
            return base  # a pipeline has an address and no path
        openai = operation == "embedding" and speaks_openai(base)
        return server_url(base, "/v1/embeddings" if openai else self.paths[operation])
