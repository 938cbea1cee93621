"""Converse and CountTokens as dialects that upstreams speak, and no caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import ChatReply, ChatRequest
from nova_core.types.dialect import StreamDecoder
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_bedrock import render, reply
from nova_plugin_bedrock.notes import NAME
from nova_plugin_bedrock.stream import Decoder


class Converse(UpstreamOnly):
    """`/model/{id}/converse` and `/converse-stream`. A `Dialect`; `model` and `stream` are members besides."""

    name = NAME
    operation: Operation = "chat"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Raises BadRequestError for tool call arguments that are not a JSON object."""
        if not isinstance(typed, ChatRequest):
            raise BadRequestError("Converse serves chat only")
        return render.render(typed)

    def check_reply(self, members: Members) -> None:
        """A message. Raises BadGatewayError."""
        reply.check(members)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `ChatReply`. Raises BadGatewayError."""
        return reply.parse(members)

    def usage_of(self, members: Members) -> Usage | None:
        """The usage a reply states."""
        tier = reply.tier_of({"serviceTier": decoded(members.get("serviceTier"))})
        return reply.parse_usage(decoded(members.get("usage")), tier)

    def decoder(self) -> StreamDecoder:
        """A decoder for one upstream stream."""
        return Decoder()


class CountTokens(Converse):
    """`/model/{id}/count-tokens` of a Converse request: `{"inputTokens": n}` back."""

    name = "bedrock_count_tokens"
    operation: Operation = "count_tokens"
    COUNTED: Final = ("messages", "system", "toolConfig")

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """What is counted, without what only shapes the answer."""
        members, fidelity = super().render_request(typed)
        counted = {name: members[name] for name in self.COUNTED if name in members}
        notes = tuple(note for note in fidelity.notes if note.field.startswith(("messages", "tools")))
        return {"model": members["model"], "input": {"converse": counted}}, Fidelity(notes)

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError when no count is stated."""
        if type(decoded(members.get("inputTokens"))) is not int:
            raise BadGatewayError("the upstream's answer has no count `inputTokens`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A reply without an answer: its usage is the count."""
        self.check_reply(members)
        return ChatReply("", "", (), usage=Usage(input=members["inputTokens"]))

    def usage_of(self, members: Members) -> Usage | None:
        """None: counting uses no tokens."""
        return None


CONVERSE: Final = Converse()
COUNT_TOKENS: Final = CountTokens()
