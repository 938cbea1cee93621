"""The ways to ask Bedrock: Converse, Claude through InvokeModel, and embeddings."""

from __future__ import annotations

from collections.abc import Mapping

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Reply, Request, decoded
from nova_core.types.upstream import Exchange, FrameParser, UpstreamResponse
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.embedding_batches import in_batches
from nova_core.wire.event_stream import EventStream
from nova_core.wire.messages_models import MessagesModels
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import Lane
from nova_core.wire.restored_names import FittingNames
from nova_core.wire.sigv4 import Keychain
from nova_plugin_bedrock.dialect import CONVERSE, COUNT_TOKENS
from nova_plugin_bedrock.embeddings import COUNT
from nova_plugin_bedrock.framing import InvokedStream
from nova_plugin_bedrock.invoking import GOVERNING, Governed, guarded
from nova_plugin_bedrock.render import ADDITIONAL, OWN_WORDS
from nova_plugin_bedrock.signed import NOT_SENT, ModelRuntime, encoded

MEMBERS = frozenset(
    {"messages", "system", "inferenceConfig", "toolConfig", "outputConfig", "input", *OWN_WORDS, *NOT_SENT}
)
TOKENS_READ = "x-amzn-bedrock-input-token-count"
VERSION = "bedrock-2023-05-31"
BETAS = "anthropic-beta"


class ConverseModels(FittingNames, ModelRuntime):
    """Every model that chats, in one format, and counts of tokens."""

    dialects: Mapping[Operation, Dialect] = {"chat": CONVERSE, "count_tokens": COUNT_TOKENS}
    action = "/converse"
    stream_action = "/converse-stream"

    def action_of(self, lane: Lane, streamed: bool) -> str:
        """The action, which counts where only that is asked."""
        return "/count-tokens" if lane.dialect is COUNT_TOKENS else super().action_of(lane, streamed)

    def payload(self, request: Request, lane: Lane, *, streamed: bool) -> bytes:
        """What is sent; members that an operator allows by name are for the model."""
        others = {name: value for name, value in request.members.items() if name not in MEMBERS}
        if others:
            said = decoded(request.members.get(ADDITIONAL)) or {}
            request = request.without(*others).with_members({ADDITIONAL: {**others, **said}})
        return super().payload(request, lane, streamed=streamed)

    def frames(self, dialect: Dialect) -> FrameParser:
        """Binary messages."""
        return EventStream()


class InvokedClaude(Governed, MessagesModels, ModelRuntime):
    """Claude in the words of the Messages API, with its version in the body."""

    dialects: Mapping[Operation, Dialect] = {"chat": ANTHROPIC_MESSAGES}
    action = "/invoke"
    stream_action = "/invoke-with-response-stream"

    def payload(self, request: Request, lane: Lane, *, streamed: bool) -> bytes:
        """What is sent, with the version."""
        return encoded(request.without(*GOVERNING), anthropic_version=VERSION, **guarded(request))

    def frames(self, dialect: Dialect) -> FrameParser:
        """Claude's own events in binary messages."""
        return InvokedStream()

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; the beta features that a caller of this API asks for stand in the body here."""
        asked = call.headers.get(BETAS) if call.original.dialect is ANTHROPIC_MESSAGES else None
        if asked and request.dialect is ANTHROPIC_MESSAGES:
            known = request.get("anthropic_beta") or []
            betas = dict.fromkeys([*known, *(name.strip() for name in asked.split(",") if name.strip())])
            request = request.with_members({"anthropic_beta": list(betas)})
        return super().provider_call(call, request, deployment)


class Embeddings(ModelRuntime):
    """Titan's models embed one item at a time, Cohere's many."""

    action = "/invoke"

    def __init__(self, dialect: Dialect, most: int, keychain: Keychain) -> None:
        super().__init__(keychain)
        self.dialects: Mapping[Operation, Dialect] = {"embedding": dialect}
        self._most = most

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, in as many exchanges as the model needs. Vectors are coded where the caller wants that."""
        ask = super().provider_call
        return in_asked_coding(request, in_batches(request, self._most, lambda batch: ask(call, batch, deployment)))

    def _read(self, dialect: Dialect, response: UpstreamResponse) -> Reply:
        """The reply, with the tokens that only a header states."""
        reply = super()._read(dialect, response)
        read = response.headers.get(TOKENS_READ, "")
        if COUNT in reply.members or not read.isdigit():
            return reply
        return reply.with_members({COUNT: int(read)})
