"""Gemini on Vertex AI, and Google's embedding models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.gemini import GEMINI_COUNT_TOKENS, GEMINI_GENERATE
from nova_core.wire.gemini_api import NOT_SENT, RESOURCE, VERB, with_verb
from nova_core.wire.gemini_audio_api import AUDIO, GeminiAudioApi
from nova_core.wire.gemini_images import drawing_operations, gemini_images
from nova_core.wire.provider import Lane
from nova_plugin_vertex_ai.authorized import Authorized
from nova_plugin_vertex_ai.embeddings import VERTEX_BATCH, VERTEX_PREDICT
from nova_plugin_vertex_ai.places import below, collection

ENDPOINT = re.compile(r"\d+$")
"""Names of tuned models, which live at an endpoint of the project."""
CONTENT_EMBEDDERS = re.compile(r"gemini-embedding-(?!001|exp)")
ONE_BY_ONE = re.compile(r"gemini-embedding-(001|exp)")
MOST_PREDICTED = 250
PREDICT = {VERTEX_PREDICT.name: "predict", VERTEX_BATCH.name: "batchEmbedContents"}


class VertexGemini(Authorized, GeminiAudioApi):
    """`…/publishers/google/models/{model}:{verb}`; tuned models at `…/endpoints/{id}`."""

    version = "v1"
    dialects: Mapping[Operation, Dialect] = {
        "chat": GEMINI_GENERATE,
        "count_tokens": GEMINI_COUNT_TOKENS,
        "embedding": VERTEX_PREDICT,
        **AUDIO,
        **gemini_images(chooses_format=True),
    }
    hints = GeminiAudioApi.hints | {"store"}

    def operations(self, model: str) -> frozenset[str]:
        """Images only of models that make them."""
        return drawing_operations(super().operations(model), model)

    def dialect_for(self, operation: Operation, deployment: Deployment) -> Dialect:
        """Embedding models up to the first of Gemini's are asked for predictions, later ones for embeddings."""
        if operation == "embedding" and CONTENT_EMBEDDERS.search(deployment.model):
            return VERTEX_BATCH
        return super().dialect_for(operation, deployment)

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The model's address, to which the verb is appended; a base that is the whole resource stays."""
        base = VERB.sub("", (deployment.api_base or "").rstrip("/"))
        if RESOURCE.search(urlsplit(base).path):
            return base
        version = "v1beta1" if deployment.provider.endswith("_beta") else self.version
        settings = deployment.settings
        address = collection(deployment, str(settings.get("api_version") or version))
        if ENDPOINT.match(deployment.model) or settings.get("use_psc_endpoint_format"):
            return below(address, f"endpoints/{deployment.model}")
        return below(address, f"publishers/google/models/{deployment.model.removeprefix('models/')}")

    def most_embedded(self, model: str) -> int:
        """Gemini's first embedding model takes one text at a time here, other models many."""
        return 1 if ONE_BY_ONE.search(model) else MOST_PREDICTED

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """Embeddings have verbs of their own here."""
        if lane.dialect.name in PREDICT:
            url = with_verb(lane.url, PREDICT[lane.dialect.name])
            return UpstreamRequest(url, "POST", headers, request.without(*NOT_SENT).encode(), False)
        return super().outgoing(lane, request, headers, streamed)
