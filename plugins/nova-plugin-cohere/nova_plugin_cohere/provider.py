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
from nova_core.types.upstream import Exchange, FrameParser, UpstreamRequest, UpstreamResponse
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.embedding_batches import in_batches
from nova_core.wire.json_lines import LineParser
from nova_core.wire.provider import DialectProvider, Lane, of_deployment
from nova_core.wire.rerank_documents import with_documents
from nova_plugin_cohere.chat import COHERE_CHAT
from nova_plugin_cohere.embed import COHERE_EMBED, most_items
from nova_plugin_cohere.errors import read_error
from nova_plugin_cohere.transcription import COHERE_TRANSCRIPTIONS
from nova_plugin_cohere.v1_chat import COHERE_V1_CHAT

KNOWN_PATH = re.compile(r"(/compatibility)?/v[12](/(chat|embed|rerank|audio/transcriptions))?$")
"""What may stand at the end of a base that was copied from documentation, or from another API of the vendor."""
V1_CHAT, V2_CHAT = "/v1/chat", "/v2/chat"
"""Where chats are served in other words; the rest of version 1 is close enough to version 2."""
VERSION_PATH = re.compile(r"^/v[12]")
VERSION = re.compile(r"^v([12])/")
"""What asks for a version of the API, in front of a model's name."""
OLD_CHAT = "v1_chat"
"""The setting of a completed deployment whose chats go to version 1."""
SERVER_SENT = ("Accepts", "text/event-stream")
"""What makes version 1 stream server-sent events; otherwise an event is a line."""


class Cohere(DialectProvider):
    """`cohere/…` and `cohere_chat/…`: `/v2/chat`, `/v2/embed`, `/v2/rerank`, `/v2/audio/transcriptions`.

    `cohere/v1/…`, and a base that ends in `/v1/chat`, chat over `/v1/chat`.
    """

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
        "chat": V2_CHAT,
        "embedding": "/v2/embed",
        "rerank": "/v2/rerank",
        "transcription": "/v2/audio/transcriptions",
    }

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Base and key, and the version that chats go to, which a name says by itself or the base does."""
        completed = super().complete(deployment, environ)
        named = VERSION.match(completed.model)
        old = named[1] == "1" if named else _path_of(completed).endswith(V1_CHAT)
        model = VERSION.sub("", completed.model, count=1)
        return replace(completed, model=model, settings={**completed.settings, OLD_CHAT: old})

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Bearer`."""
        key = self.key(deployment)
        return [("Authorization", f"Bearer {key}")] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served; a base may already end in its path, or in another one of the API."""
        path, own = _path_of(deployment), self.paths[operation]
        if operation == "chat" and deployment.settings.get(OLD_CHAT):
            own = V1_CHAT
        other = operation == "chat" and path.endswith((V1_CHAT, V2_CHAT)) and not path.endswith(own)
        if other or not path.endswith((own, VERSION_PATH.sub("", own))):
            path = KNOWN_PATH.sub("", path) + own
        return urlunsplit(urlsplit(deployment.api_base or self.base_url)._replace(path=path))

    def dialect_for(self, operation: Operation, deployment: Deployment) -> Dialect:
        """The dialect that serves `operation`. Raises BadRequestError when there is none."""
        dialect = super().dialect_for(operation, deployment)
        return COHERE_V1_CHAT if dialect is COHERE_CHAT and deployment.settings.get(OLD_CHAT) else dialect

    def frames(self, dialect: Dialect) -> FrameParser:
        """A parser for one streamed answer."""
        return LineParser() if dialect is COHERE_V1_CHAT else super().frames(dialect)

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The HTTP request."""
        asked = (*headers, SERVER_SENT) if streamed and lane.dialect is COHERE_V1_CHAT else headers
        return super().outgoing(lane, request, asked, streamed)

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


def _path_of(deployment: Deployment) -> str:
    return urlsplit(deployment.api_base or "").path.rstrip("/")
