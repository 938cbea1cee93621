"""Jina AI: embeddings and rerank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nova_core.errors import NovaError
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, Reply, Request
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_compatible import OpenAICompatible
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.upstream_errors import classify, facts_of
from nova_plugin_jina_ai import embed

NO_CREDIT = "AUTHZ_INSUFFICIENT_BALANCE"


class Jina(OpenAICompatible):
    """`jina_ai/…`: OpenAI's embeddings with `task`, `late_chunking` and images, and the rerank that others copied."""

    providers = ("jina_ai",)
    base_url = "https://api.jina.ai/v1"
    api_base_env = ("JINA_AI_API_BASE",)
    api_key_env = ("JINA_AI_API_KEY", "JINA_API_KEY", "JINA_AI_TOKEN")
    dialects: Mapping[Operation, Dialect] = {"embedding": OPENAI_EMBEDDINGS, "rerank": JINA_RERANK}
    paths: Mapping[Operation, str] = {"embedding": "/embeddings", "rerank": "/rerank"}

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served; a base may already end in a path of the API."""
        base = (deployment.api_base or self.base_url).rstrip("/")
        for known in self.paths.values():
            base = base.removesuffix(known)
        return super().url(replace(deployment, api_base=base), operation)

    def untouched(self, request: Request) -> bool:
        """Reranks go as they are."""
        return request.operation == "rerank"

    def review(self, request: Request) -> Fidelity:
        """Members that are not Jina's."""
        return embed.review(request) if request.operation == "embedding" else super().review(request)

    def to_upstream(self, request: Request) -> Request:
        """The request in Jina's words."""
        return embed.to_upstream(request) if request.operation == "embedding" else request

    def from_upstream(self, reply: Reply) -> Reply:
        """Vectors where OpenAI has them."""
        return embed.from_upstream(reply) if reply.operation == "embedding" else reply

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """What a status of 400 and above means; one without credit is not forbidden, it is to be paid."""
        facts = facts_of(response.body)
        if facts.code == NO_CREDIT:
            return classify(402, facts.message, facts.code, headers=response.headers)
        return super().read_error(response)
