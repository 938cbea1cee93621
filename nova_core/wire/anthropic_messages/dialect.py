"""The Messages API and its token counting as dialects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.chat import ChatReply, ChatRequest
from nova_core.types.dialect import StreamDecoder, StreamEncoder, StreamRelay
from nova_core.types.fidelity import EXACT, Fate, Fidelity, FieldNote
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages import defaults, errors, render, reply, request
from nova_core.wire.anthropic_messages.encoder import Encoder
from nova_core.wire.anthropic_messages.fields import NAME, UNMISSED
from nova_core.wire.anthropic_messages.paths import caller_path
from nova_core.wire.anthropic_messages.relay import Relay
from nova_core.wire.anthropic_messages.stream import Decoder
from nova_core.wire.anthropic_messages.usage import parse_usage


class AnthropicMessages:
    """`POST /v1/messages`. A `Dialect`."""

    name = NAME
    operation: Operation = "chat"
    max_tokens_required = True

    def check_request(self, members: Members) -> None:
        """`model`, `messages` and `max_tokens`."""
        request.check(members, max_tokens_required=self.max_tokens_required)

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """A `ChatRequest`."""
        return request.parse(members)

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Raises BadRequestError for tool call arguments that are not a JSON object."""
        return render.render(_chat_request(typed))

    def caller_path(self, members: Mapping[str, Any], field: str) -> str:
        """A field's path in the caller's request; `members` are decoded."""
        return caller_path(members, field)

    def judged(self, note: FieldNote) -> FieldNote:
        """A note on one of this dialect's fields as it counts: some only steer what is kept, said or paid beside."""
        is_hint = note.fate is Fate.LOST and note.field in UNMISSED
        return replace(note, fate=Fate.HINT) if is_hint else note

    def with_defaults(self, members: Members, defaults_: Mapping[str, Any]) -> Members:
        """Add a deployment's call defaults where the caller gave none."""
        return defaults.add(members, defaults_)

    def check_reply(self, members: Members) -> None:
        """A message with an array `content`. Raises BadGatewayError."""
        reply.check(members)

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `ChatReply` with one choice. Raises BadGatewayError."""
        return reply.parse(members)

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """The first answer as a message."""
        return reply.render(_chat_reply(typed))

    def reply_fidelity(self, typed: TypedReply) -> Fidelity:
        """What `render_reply` cannot say of a reply."""
        return reply.losses(_chat_reply(typed))

    def usage_of(self, members: Members) -> Usage | None:
        """The usage a message states."""
        return parse_usage(decoded(members.get("usage")))

    def decoder(self) -> StreamDecoder:
        """A decoder for one upstream stream."""
        return Decoder()

    def encoder(self, *, model: str, include_usage: bool) -> StreamEncoder:
        """An encoder for one caller's stream; this dialect always streams usage."""
        return Encoder(model=model)

    def relay(self, *, model: str, hide_usage: bool = False) -> StreamRelay:
        """A relay for one stream; usage is always shown in this dialect."""
        return Relay(model=model)

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """The error body."""
        return errors.render_error(error)


class AnthropicCountTokens(AnthropicMessages):
    """`POST /v1/messages/count_tokens`: a request without the answer's parameters, `{"input_tokens": n}` back."""

    name = "anthropic_count_tokens"
    operation: Operation = "count_tokens"
    max_tokens_required = False

    NOT_COUNTED: Final = frozenset(
        {"max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier"}
    )

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members without what only shapes the answer, which counting refuses."""
        members, fidelity = super().render_request(typed)
        members = {name: value for name, value in members.items() if name not in self.NOT_COUNTED}
        notes = tuple(note for note in fidelity.notes if note.field not in ("max_tokens", "stop"))
        return members, Fidelity(notes)

    def with_defaults(self, members: Members, defaults_: Mapping[str, Any]) -> Members:
        """Add the defaults that a count depends on."""
        added = super().with_defaults(members, defaults_)
        return {name: value for name, value in added.items() if name in members or name not in self.NOT_COUNTED}

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError when no count is stated."""
        count = decoded(members.get("input_tokens"))
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise BadGatewayError("the upstream's answer has no count `input_tokens`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A reply without an answer: its usage is the count."""
        self.check_reply(members)
        return ChatReply("", "", (), usage=Usage(input=members["input_tokens"]))

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """`{"input_tokens": n}`."""
        usage = _chat_reply(typed).usage
        return {"input_tokens": usage.input_total if usage else 0}

    def reply_fidelity(self, typed: TypedReply) -> Fidelity:
        """A count is a count."""
        return EXACT

    def usage_of(self, members: Members) -> Usage | None:
        """None: counting uses no tokens."""
        return None


def _chat_request(typed: TypedRequest) -> ChatRequest:
    if not isinstance(typed, ChatRequest):
        raise BadRequestError("the Messages API serves chat only")
    return typed


def _chat_reply(typed: TypedReply) -> ChatReply:
    if not isinstance(typed, ChatReply):
        raise BadGatewayError("the Messages API says chat replies only")
    return typed
