"""OpenAI's chat completions as the model runtime itself serves them, for models that it lists there."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html

from __future__ import annotations

from collections.abc import Mapping

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import OpenAICompatible
from nova_core.wire.provider import Lane
from nova_plugin_bedrock.names import read_name
from nova_plugin_bedrock.signed import MODEL_ID, BearerOrSigned


class RuntimeChat(BearerOrSigned, OpenAICompatible):
    """`bedrock/chat_completions/{model}`."""

    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT}
    paths: Mapping[Operation, str] = {"chat": "/openai/v1/chat/completions"}

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """None: who asks is told when the body is known."""
        return []

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request for the model by its own name, with its credentials."""
        stated = lane.deployment.settings.get(MODEL_ID) or read_name(lane.deployment.model).id
        made = super().outgoing(lane, request.with_members({"model": str(stated)}), headers, streamed)
        return self.signed_request(lane, made.url, headers, made.content, streamed=streamed)
