"""watsonx.ai: chat, embeddings, rerank and transcription by models, and chat of deployments."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.drop_policy import review
from nova_core.wire.enveloped import HINTS, Body, Enveloped, Opener
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import Lane
from nova_core.wire.rerank_documents import with_documents
from nova_plugin_watsonx.access import Access, account, address
from nova_plugin_watsonx.chat import UNSUPPORTED, ChatOpener, chat_body, chat_reply, review_chat
from nova_plugin_watsonx.vectors import (
    embeddings_body,
    embeddings_reply,
    rerank_body,
    rerank_reply,
    review_embeddings,
    review_rerank,
)

REPLIES = {"chat": chat_reply, "embedding": embeddings_reply, "rerank": rerank_reply}


class Paths(Access, Enveloped):
    """What is asked at `/ml/v1`; a stream is asked for at an address of its own."""

    settings_keys = (*Access.settings_keys, *Enveloped.settings_keys)

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served."""
        return address(deployment, self.paths[operation])

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request; one for a stream goes to the path's neighbour."""
        made = super().outgoing(lane, request, headers, streamed)
        if not streamed:
            return made
        path = self.paths[lane.dialect.operation]
        return msgspec.structs.replace(made, url=made.url.replace(path, f"{path}_stream", 1))


class Watsonx(Paths):
    """`watsonx/{model}`, and `watsonx/deployment/{id}`."""

    providers: tuple[str, ...] = ("watsonx",)
    dialects: Mapping[Operation, Dialect] = {
        "chat": OPENAI_CHAT, "embedding": OPENAI_EMBEDDINGS, "rerank": COHERE_RERANK,
        "transcription": OPENAI_TRANSCRIPTIONS,
    }  # fmt: skip
    enveloped = frozenset({"chat", "embedding", "rerank"})
    paths: Mapping[Operation, str] = {
        "chat": "/text/chat", "embedding": "/text/embeddings", "rerank": "/text/rerank",
        "transcription": "/audio/transcriptions",
    }  # fmt: skip

    def review(self, request: Request) -> Fidelity:
        """What the vendor has no word for."""
        found = super().review(request)
        if request.dialect.operation == "embedding":
            return found + review_embeddings(request)
        if request.dialect.operation == "rerank":
            return found + review_rerank(request)
        if request.dialect.operation == "transcription":
            return found + review(request.members, ("stream", "timestamp_granularities", "include"))
        return found + review(request.members, sorted(UNSUPPORTED), sorted(HINTS)) + review_chat(request)

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request; a form has the account among its fields."""
        if lane.dialect.operation == "transcription":
            payer = {name: value for name, value in account(lane.deployment).items() if name != "model_id"}
            request = request.with_members(payer)
        return super().outgoing(lane, request, headers, streamed)

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The request with its model and account. Raises AuthenticationError without an account."""
        if lane.dialect.operation == "rerank":
            said = rerank_body(request)
        else:
            rendered = chat_body if lane.dialect.operation == "chat" else embeddings_body
            said = rendered(plain(request.members))
        return {**said, **account(lane.deployment)}

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, object]:
        """A whole reply in OpenAI's format, or Cohere's for a rerank."""
        return REPLIES[operation](answer)

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return ChatOpener()

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; vectors are sent on in base64, and documents come back, where the caller wants that."""
        exchange = super().provider_call(call, request, deployment)
        if request.operation == "rerank":
            return with_documents(exchange, request)
        return in_asked_coding(request, exchange) if request.operation == "embedding" else exchange
