"""Mistral's and AI21's models on Vertex AI: their own chat completions behind `rawPredict`."""

# https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/mistral and …/ai21

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.gemini_api import RESOURCE, VERB, with_verb
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.replayed import carries_added, review_added, without_added
from nova_core.wire.openai_compatible import OpenAICompatible
from nova_core.wire.provider import Lane
from nova_core.wire.restored_names import FittingNames
from nova_plugin_vertex_ai.authorized import Authorized
from nova_plugin_vertex_ai.places import below, collection

MODELS = re.compile(r"^(mistral|codestral|ministral|magistral|jamba)-")
PUBLISHERS = {"jamba": "ai21"}
RENAMED = {"max_completion_tokens": "max_tokens", "seed": "random_seed"}


class VertexRawPartners(Authorized, FittingNames, OpenAICompatible):
    """`…/publishers/{publisher}/models/{model}:rawPredict`, `:streamRawPredict` for streams."""

    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT}
    unsupported = frozenset({"logit_bias", "modalities", "audio", "verbosity", "web_search_options"})
    hints = frozenset({"store", "user", "prompt_cache_key", "service_tier", "metadata", "stream_options"})

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The token, or the deployment's key."""
        return Authorized.headers(self, deployment, call)

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The model's address, to which the verb is appended; a base that is the whole resource stays."""
        base = VERB.sub("", (deployment.api_base or "").rstrip("/"))
        if RESOURCE.search(urlsplit(base).path):
            return base
        publisher = PUBLISHERS.get(deployment.model.partition("-")[0], "mistralai")
        return below(collection(deployment, "v1"), f"publishers/{publisher}/models/{deployment.model}")

    def untouched(self, request: Request) -> bool:
        """See `DialectProvider.untouched`."""
        return False

    def review(self, request: Request) -> Fidelity:
        """What the vendors refuse, in messages too."""
        found = super().review(request)
        return found + Fidelity(tuple(review_added(request))) if carries_added(request) else found

    def to_upstream(self, request: Request) -> Request:
        """Members under the vendors' names; a call that must be is of `any` tool."""
        request = super().to_upstream(request)
        request = without_added(request) if carries_added(request) else request
        for old, new in RENAMED.items():
            if old in request.members:
                request = request.with_members({new: request.members[old]}).without(old)
        return request.with_members({"tool_choice": "any"}) if request.get("tool_choice") == "required" else request

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The model stands in the body too, without its version."""
        body = request.with_members({"model": lane.deployment.model.partition("@")[0]})
        url = with_verb(lane.url, "streamRawPredict" if streamed else "rawPredict")
        return UpstreamRequest(url, "POST", headers, body.encode(), streamed)
