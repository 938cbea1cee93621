"""Compacting a conversation (`POST /v1/responses/compact`) as a dialect."""

# Source: OpenAI API reference, "Compact a response": its items stand for the conversation in later requests.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import ChatReply
from nova_core.types.message import Members, Operation, TypedReply, decoded
from nova_core.wire.openai_responses import reply
from nova_core.wire.openai_responses.dialect import OpenAIResponses

OBJECT: Final = "response.compaction"


class OpenAICompaction(OpenAIResponses):
    """A conversation as the Responses API has it; its items without what they take less room to say back.

    What stands for the rest is a secret of the vendor (`encrypted_content`), so only vendors of this API serve it.
    """

    name = "openai_compaction"
    operation: Operation = "compaction"

    TAKEN: Final = frozenset(
        {
            "model", "input", "instructions", "previous_response_id", "prompt_cache_key", "prompt_cache_options",
            "prompt_cache_retention", "service_tier", "image",
        }
    )  # fmt: skip

    def check_request(self, members: Members) -> None:
        """As for a response, which is not streamed. Raises BadRequestError."""
        super().check_request(members)
        if decoded(members.get("stream")) is True:
            raise BadRequestError("a compacted conversation cannot be streamed", param="stream")

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Add the defaults that are parameters here."""
        added = super().with_defaults(members, defaults)
        return {name: value for name, value in added.items() if name in members or name in self.TAKEN}

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError for what is no compacted conversation, and the error of one that failed."""
        if decoded(members.get("object")) != OBJECT and not decoded(members.get("error")):
            raise BadGatewayError("the upstream's reply is not a compacted conversation")
        reply.check_reply({**members, "object": "response"})

    def parse_reply(self, members: Mapping[str, Any]) -> ChatReply:
        """The items as the parts of one answer. Raises BadGatewayError."""
        self.check_reply(members)
        return super().parse_reply({**members, "object": "response"})

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """The compacted conversation."""
        said = super().render_reply(typed)
        kept = {name: said[name] for name in ("id", "created_at", "output", "usage")}
        return {**kept, "object": OBJECT}
