"""Claude on Vertex AI: the Messages API, with the model in the path and the API's version in the body."""

# https://docs.claude.com/en/api/claude-on-vertex-ai

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.gemini_api import RESOURCE, VERB, with_verb
from nova_core.wire.messages_models import MessagesEndpoint
from nova_core.wire.provider import Lane
from nova_plugin_vertex_ai.authorized import Authorized
from nova_plugin_vertex_ai.places import below, collection

VERSION = "vertex-2023-10-16"
COUNTER = "count-tokens"
"""The model that counts the tokens of requests to the others."""


class VertexClaude(MessagesEndpoint, Authorized):
    """`…/publishers/anthropic/models/{model}:rawPredict`, `:streamRawPredict` for streams."""

    dialects: Mapping[Operation, Dialect] = {"chat": ANTHROPIC_MESSAGES, "count_tokens": ANTHROPIC_COUNT_TOKENS}

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The model's address, to which the verb is appended; a base that is the whole resource stays."""
        base = VERB.sub("", (deployment.api_base or "").rstrip("/"))
        if operation != "count_tokens" and RESOURCE.search(urlsplit(base).path):
            return base
        model = COUNTER if operation == "count_tokens" else deployment.model
        return below(collection(deployment, "v1"), f"publishers/anthropic/models/{model}")

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The version stands in the body; the model only where it is not the path's."""
        counts = lane.dialect is ANTHROPIC_COUNT_TOKENS
        body = (request if counts else request.without("model")).with_members({"anthropic_version": VERSION})
        url = with_verb(lane.url, "streamRawPredict" if streamed else "rawPredict")
        return UpstreamRequest(url, "POST", headers, body.encode(), streamed)
