"""Ollama, on this machine, on another one, or in its cloud."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange, FrameParser
from nova_core.wire.json_lines import LineParser
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import DialectProvider, of_deployment
from nova_plugin_ollama.dialects import OLLAMA_CHAT, OLLAMA_EMBED

KNOWN_PATH = re.compile(r"/(api(/(chat|generate|embed|embeddings))?|v1(/.*)?)$")
"""What may stand at the end of a base that was copied from documentation, or from another API of the server."""


class Ollama(DialectProvider):
    """`ollama/…` and `ollama_chat/…`: `/api/chat` and `/api/embed`."""

    providers = ("ollama", "ollama_chat")
    base_url = "http://localhost:11434"
    api_base_env = ("OLLAMA_API_BASE",)
    api_key_env = ("OLLAMA_API_KEY",)
    key_required = False
    dialects: Mapping[Operation, Dialect] = {"chat": OLLAMA_CHAT, "embedding": OLLAMA_EMBED}
    paths: Mapping[Operation, str] = {"chat": "/api/chat", "embedding": "/api/embed"}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Bearer`, when there is a key."""
        key = self.key(deployment)
        return [("Authorization", f"Bearer {key}")] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served; a base may end in any path of the server's APIs."""
        parts = urlsplit(deployment.api_base or self.base_url)
        path = KNOWN_PATH.sub("", parts.path.rstrip("/"))
        return super().url(replace(deployment, api_base=urlunsplit(parts._replace(path=path))), operation)

    def frames(self, dialect: Dialect) -> FrameParser:
        """Lines of JSON."""
        return LineParser()

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; vectors are sent on in base64 where the caller wants that."""
        exchange = super().provider_call(call, request, deployment)
        return in_asked_coding(request, exchange) if request.operation == "embedding" else exchange
