"""Cohere: chat, embeddings, rerank and transcription through its own API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from nova_core.errors import NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.embedding_batches import in_batches
from nova_core.wire.provider import DialectProvider, of_deployment
from nova_core.wire.rerank_documents import with_documents
from nova_plugin_cohere.chat import COHERE_CHAT
from nova_plugin_cohere.embed import COHERE_EMBED, most_items
from nova_plugin_cohere.errors import read_error
from nova_plugin_cohere.transcription import COHERE_TRANSCRIPTIONS

KNOWN_PATH = re.compile(r"(/compatibility)?/v[12](/(chat|embed|rerank|audio/transcriptions))?$")
"""What may stand at the end of a base that was copied from documentation, or from another API of the vendor."""
OTHER_CHAT = "/v1/chat"
"""Where chats in other words are served; the rest of version 1 is close enough."""
VERSION = re.compile(r"^v[12]/")
"""Names of models may ask for a version of the API; everything is asked of version 2."""


class Cohere(DialectProvider):
    """`cohere/…` and `cohere_chat/…`: `/v2/chat`, `/v2/embed`, `/v2/rerank`, `/v2/audio/transcriptions`."""

    providers = ("cohere", "cohere_chat")
    base_url = "https://api.cohere.com"
    api_base_env = ("COHERE_API_BASE", "CO_API_URL")
    api_key_env = ("COHERE_API_KEY", "CO_API_KEY")
    dialects: Mapping[Operation, Dialect] = {
        "chat": COHERE_CHAT,
        "embedding": COHERE_EMBED,
        "rerank": COHERE_RERANK,
        "transcription": COHERE_TRANSCRIPTIONS,
    }
    paths: Mapping[Operation, str] = {
        "chat": "/v2/chat",
        "embedding": "/v2/embed",
        "rerank": "/v2/rerank",
        "transcription": "/v2/audio/transcriptions",
    }

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Base and key; a version in front of the model's name is taken off."""
        completed = super().complete(deployment, environ)
        return replace(completed, model=VERSION.sub("", completed.model, count=1))

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Bearer`."""
        key = self.key(deployment)
        return [("Authorization", f"Bearer {key}")] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served; a base may already end in its path, or in another one of the API."""
        parts = urlsplit(deployment.api_base or self.base_url)
        path = parts.path.rstrip("/")
        own = self.paths[operation]
        if path.endswith(OTHER_CHAT) or not path.endswith((own, own.removeprefix("/v2"))):
            path = KNOWN_PATH.sub("", path) + own
        return urlunsplit(parts._replace(path=path))

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """What a status of 400 and above means."""
        return read_error(response)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; more items than the vendor embeds at once are several exchanges."""
        ask = super().provider_call
        if request.operation == "embedding":
            most = most_items(replace(request.embeddings, model=deployment.model))
            return in_batches(request, most, lambda batch: ask(call, batch, deployment))
        exchange = ask(call, request, deployment)
        return with_documents(exchange, request) if request.operation == "rerank" else exchange
