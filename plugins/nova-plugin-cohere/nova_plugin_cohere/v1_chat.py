"""Cohere's `/v1/chat` as a dialect that only an upstream speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.chat import ChatRequest
from nova_core.types.dialect import StreamDecoder
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest
from nova_core.types.usage import Usage
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_cohere import v1_reply, v1_request
from nova_plugin_cohere.v1_stream import Decoder


class CohereV1Chat(UpstreamOnly):
    """`POST /v1/chat`."""

    name = v1_request.NAME
    operation: Operation = "chat"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Raises BadRequestError for what is no chat."""
        if not isinstance(typed, ChatRequest):
            raise BadRequestError("an embeddings request cannot be sent as a chat request")
        return v1_request.render(typed)

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without a `text`, or with an error in its place."""
        v1_reply.check(members)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `ChatReply`. Raises BadGatewayError."""
        return v1_reply.parse(members)

    def usage_of(self, members: Members) -> Usage | None:
        """The usage a reply states."""
        return v1_reply.usage_in(members)

    def decoder(self) -> StreamDecoder:
        """A decoder for one stream of events."""
        return Decoder()


COHERE_V1_CHAT: Final = CohereV1Chat()
