"""Voyage AI: embeddings and rerank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.embedding_batches import in_batches
from nova_core.wire.provider import DialectProvider, of_deployment
from nova_core.wire.rerank_documents import with_documents
from nova_plugin_voyage.embed import CONTEXTUAL, MULTIMODAL, VOYAGE_EMBEDDINGS
from nova_plugin_voyage.rerank import VOYAGE_RERANK

EMBEDDINGS: Final[Mapping[str, str]] = {
    MULTIMODAL: "/multimodalembeddings",
    CONTEXTUAL: "/contextualizedembeddings",
    "": "/embeddings",
}
"""Where models are served whose names have these words in them."""
MOST_ITEMS: Final = 1000


class Voyage(DialectProvider):
    """`voyage/…`: embeddings of texts, of texts with images and of a document's chunks, and rerank."""

    providers = ("voyage",)
    base_url = "https://api.voyageai.com/v1"
    api_base_env = ("VOYAGE_API_BASE",)
    api_key_env = ("VOYAGE_API_KEY", "VOYAGE_AI_API_KEY", "VOYAGE_AI_TOKEN")
    dialects: Mapping[Operation, Dialect] = {"embedding": VOYAGE_EMBEDDINGS, "rerank": VOYAGE_RERANK}
    paths: Mapping[Operation, str] = {"embedding": "/embeddings", "rerank": "/rerank"}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Bearer`."""
        key = self.key(deployment)
        return [("Authorization", f"Bearer {key}")] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served for the model; a base may already end in a path of the API."""
        base = (deployment.api_base or self.base_url).rstrip("/")
        for known in (*EMBEDDINGS.values(), self.paths["rerank"]):
            base = base.removesuffix(known)
        path = self.paths[operation]
        if operation == "embedding":
            path = next(found for word, found in EMBEDDINGS.items() if word in deployment.model)
        return base + path

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; more items than the vendor embeds at once are several exchanges."""
        ask = super().provider_call
        # The chunks of one document must stay together.
        if request.operation == "embedding" and CONTEXTUAL not in deployment.model:
            return in_batches(request, MOST_ITEMS, lambda batch: ask(call, batch, deployment))
        exchange = ask(call, request, deployment)
        return with_documents(exchange, request) if request.operation == "rerank" else exchange
