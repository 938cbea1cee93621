"""generateContent as a dialect, streamed as events or as an array, and countTokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.chat import ChatReply, ChatRequest
from nova_core.types.dialect import StreamDecoder, StreamEncoder, StreamRelay
from nova_core.types.fidelity import EXACT, Fate, Fidelity, FieldNote
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.gemini import answer, defaults, errors, render, reply, request
from nova_core.wire.gemini.encoder import Encoder
from nova_core.wire.gemini.fields import NAME, canonical
from nova_core.wire.gemini.framing import Array, Events, Framing
from nova_core.wire.gemini.paths import caller_path
from nova_core.wire.gemini.relay import Relay
from nova_core.wire.gemini.stream import Decoder
from nova_core.wire.gemini.usage import count, parse_usage

HINTS: Final = frozenset(
    {
        "labels", "mediaResolution", "partMetadata", "validated", "response", "responseJsonSchema", "behavior",
        "includeServerSideToolInvocations", "enableEnhancedCivicAnswers",
    }
)  # fmt: skip
"""Fields of this API that do not change the answer's meaning."""


class GeminiGenerate:
    """`models/{model}:generateContent` and `:streamGenerateContent`. A `Dialect`.

    `model` and `stream` are members of a request, although the path says them. `framing` makes what writes a
    caller's stream, whose content type is `stream_type`. `model_member` names the model in a reply.
    """

    name = NAME
    operation: Operation = "chat"
    model_member: Final = "modelVersion"

    def __init__(self, framing: Callable[[], Framing] = Events, stream_type: str = "text/event-stream") -> None:
        self._framing = framing
        self.stream_type = stream_type

    def check_request(self, members: Members) -> None:
        """`model` and `contents`."""
        request.check(members)

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """A `ChatRequest`."""
        return request.parse(members)

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Raises BadRequestError for tool call arguments that are not a JSON object."""
        if not isinstance(typed, ChatRequest):
            raise BadRequestError("generateContent serves chat only")
        return render.render(typed)

    def caller_path(self, members: Mapping[str, Any], field: str) -> str:
        """A field's path in the caller's request; `members` are decoded."""
        return caller_path(members, field)

    def judged(self, note: FieldNote) -> FieldNote:
        """A note on one of this API's own fields as it counts."""
        is_hint = note.fate is Fate.LOST and note.field.rsplit(".", 1)[-1] in HINTS
        return replace(note, fate=Fate.HINT) if is_hint else note

    def with_defaults(self, members: Members, defaults_: Mapping[str, Any]) -> Members:
        """Add a deployment's call defaults where the caller gave none."""
        return defaults.add(members, defaults_)

    def check_reply(self, members: Members) -> None:
        """Candidates, or the reason why the prompt was blocked. Raises BadGatewayError."""
        reply.check(members)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `ChatReply`. Raises BadGatewayError."""
        return reply.parse(members)

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """Members of the caller's reply."""
        return answer.render(_chat_reply(typed))

    def reply_fidelity(self, typed: TypedReply) -> Fidelity:
        """What `render_reply` cannot say of a reply."""
        return answer.losses(_chat_reply(typed))

    def usage_of(self, members: Members) -> Usage | None:
        """The usage a reply states."""
        return parse_usage(decoded(members.get("usageMetadata")))

    def decoder(self) -> StreamDecoder:
        """A decoder for one upstream stream."""
        return Decoder()

    def encoder(self, *, model: str, include_usage: bool) -> StreamEncoder:
        """An encoder for one caller's stream; this dialect always streams usage."""
        return Encoder(model=model, framing=self._framing())

    def relay(self, *, model: str, hide_usage: bool = False) -> StreamRelay:
        """A relay for one stream; usage is always shown in this dialect."""
        return Relay(model=model, framing=self._framing())

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """The error body."""
        return errors.render_error(error)


class GeminiGenerateArray(GeminiGenerate):
    """The same, streamed as the elements of one JSON array, which is what callers get without `alt=sse`."""

    def __init__(self) -> None:
        super().__init__(Array, "application/json")


class GeminiCountTokens(GeminiGenerate):
    """`models/{model}:countTokens`: contents, or a whole request; `{"totalTokens": n}` back."""

    name = "gemini_count_tokens"
    operation: Operation = "count_tokens"
    WRAPPED: Final = "generateContentRequest"
    COUNTED: Final = ("model", "contents", "systemInstruction", "tools")

    def check_request(self, members: Members) -> None:
        """`model`, and `contents` at the top or in the request to count."""
        super().check_request(self._unwrapped(members))

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """A `ChatRequest`."""
        return super().parse_request(self._unwrapped(members))

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members without what only shapes the answer, which counting does not take."""
        members, fidelity = super().render_request(typed)
        members = {name: value for name, value in members.items() if name in self.COUNTED}
        counted = ("messages", "tools")
        return members, Fidelity(tuple(note for note in fidelity.notes if note.field.startswith(counted)))

    def with_defaults(self, members: Members, defaults_: Mapping[str, Any]) -> Members:
        """Nothing: a count depends on what the caller sends."""
        return members

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError when no count is stated."""
        total = decoded(members.get("totalTokens", 0 if "promptTokensDetails" in members else None))
        if not isinstance(total, int) or isinstance(total, bool) or total < 0:
            raise BadGatewayError("the upstream's answer has no count `totalTokens`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A reply without an answer: its usage is the count."""
        self.check_reply(members)
        return ChatReply("", "", (), usage=Usage(input=count(members, "totalTokens")))

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """`{"totalTokens": n}`."""
        usage = _chat_reply(typed).usage
        return {"totalTokens": usage.input_total if usage else 0}

    def reply_fidelity(self, typed: TypedReply) -> Fidelity:
        """A count is a count."""
        return EXACT

    def usage_of(self, members: Members) -> Usage | None:
        """None: counting uses no tokens."""
        return None

    def _unwrapped(self, members: Members) -> Members:
        """The request to count; the path's model is the one that counts."""
        for name, value in members.items():
            if name in (self.WRAPPED, "generate_content_request") and value is not None:
                return {**canonical(decoded(value), self.WRAPPED), "model": members.get("model")}
        return members


def _chat_reply(typed: TypedReply) -> ChatReply:
    if not isinstance(typed, ChatReply):
        raise BadGatewayError("generateContent says chat replies only")
    return typed
