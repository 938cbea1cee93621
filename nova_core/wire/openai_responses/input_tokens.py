"""Counting the input of a response (`POST /v1/responses/input_tokens`) as a dialect."""

# Source: OpenAI API reference, "Get input token counts".

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import ChatReply
from nova_core.types.fidelity import EXACT, Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.openai_responses.dialect import OpenAIResponses

OBJECT: Final = "response.input_tokens"


class OpenAIInputTokens(OpenAIResponses):
    """A request without the answer's parameters; `{"object": "response.input_tokens", "input_tokens": n}` back."""

    name = "openai_input_tokens"
    operation: Operation = "count_tokens"

    COUNTED: Final = frozenset(
        {
            "model", "input", "instructions", "conversation", "previous_response_id", "tools", "tool_choice",
            "parallel_tool_calls", "text", "reasoning", "truncation", "personality",
        }
    )  # fmt: skip

    def check_request(self, members: Members) -> None:
        """As for a response, which is not streamed. Raises BadRequestError."""
        super().check_request(members)
        if decoded(members.get("stream")) is True:
            raise BadRequestError("a count of tokens cannot be streamed", param="stream")

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members without what only shapes the answer, which counting does not take."""
        members, fidelity = super().render_request(typed)
        counted = ("messages", "tools")
        kept = {name: value for name, value in members.items() if name in self.COUNTED}
        return kept, Fidelity(tuple(note for note in fidelity.notes if note.field.startswith(counted)))

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Add the defaults that a count depends on."""
        added = super().with_defaults(members, defaults)
        return {name: value for name, value in added.items() if name in members or name in self.COUNTED}

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError when no count is stated."""
        count = decoded(members.get("input_tokens"))
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise BadGatewayError("the upstream's answer has no count `input_tokens`")

    def parse_reply(self, members: Mapping[str, Any]) -> ChatReply:
        """A reply without an answer: its usage is the count."""
        self.check_reply(members)
        return ChatReply("", "", (), usage=Usage(input=members["input_tokens"]))

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """The count of the prompt."""
        return {"object": OBJECT, "input_tokens": typed.usage.input_total if typed.usage else 0}

    def reply_fidelity(self, typed: TypedReply) -> Fidelity:
        """A count is a count."""
        return EXACT

    def usage_of(self, members: Members) -> Usage | None:
        """None: counting uses no tokens."""
        return None
