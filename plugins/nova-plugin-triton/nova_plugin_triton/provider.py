"""Triton Inference Server, wherever it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import Lane, of_deployment
from nova_core.wire.transcribed import Transcribed
from nova_plugin_triton.generation import TRITON_GENERATE
from nova_plugin_triton.inference import TRITON_INFER

VERB = re.compile(r"/(generate(_stream)?|infer)$")
MODEL = re.compile(r"/v2/models/[^/]+(/versions/[^/]+)?$")
"""The end of a base that names the model by itself."""

EMBEDDINGS = "/embeddings"
"""The end of a base that is the whole address of a route of one's own for embeddings, which takes the same tensors."""


class Triton(Transcribed):
    """`triton/{model}`: `/generate`, `/generate_stream` and `/infer`."""

    providers = ("triton",)
    api_base_env = ("TRITON_API_BASE",)
    api_key_env = ("TRITON_API_KEY",)
    key_required = False
    dialects: Mapping[Operation, Dialect] = {"chat": TRITON_GENERATE, "embedding": TRITON_INFER}
    paths: Mapping[Operation, str] = {"chat": "/generate", "embedding": "/infer"}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Bearer`, when there is a key."""
        key = self.key(deployment)
        return [("Authorization", f"Bearer {key}")] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The model's verb. A base that ends in a verb names the whole path, one that names a model gets the verb."""
        parts = urlsplit(deployment.api_base or "")
        path = parts.path.rstrip("/")
        if operation == "embedding" and path.endswith(EMBEDDINGS):
            return urlunsplit(parts)
        if VERB.search(path):
            path = VERB.sub("", path)
        elif not MODEL.search(path):
            path = f"{path.removesuffix('/v2')}/v2/models/{quote(deployment.model, safe='')}"
        return urlunsplit((parts.scheme, parts.netloc, path + self.paths[operation], parts.query, ""))

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The HTTP request; the model stands in its address, and streams have a verb of their own."""
        parts = urlsplit(lane.url)
        path = f"{parts.path}_stream" if streamed else parts.path
        url = urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
        return UpstreamRequest(url, "POST", headers, request.without("model").encode(), streamed)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; vectors are sent on in base64 where the caller wants that."""
        exchange = super().provider_call(call, request, deployment)
        return in_asked_coding(request, exchange) if request.operation == "embedding" else exchange
