"""OpenAI's Responses as a dialect."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from nova_core.errors import NovaError
from nova_core.types.chat import ChatReply, ChatRequest
from nova_core.types.fidelity import Fidelity, FieldNote
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.errors import render_error
from nova_core.wire.openai_responses import fields, paths, render, reply, request
from nova_core.wire.openai_responses.asked import Asked
from nova_core.wire.openai_responses.decoder import Decoder
from nova_core.wire.openai_responses.encoder import Encoder
from nova_core.wire.openai_responses.relay import Relay


class OpenAIResponses:
    """The dialect of `/v1/responses`. `asked` is the request that replies repeat, `clock` gives Unix seconds."""

    name = fields.NAME
    operation: Operation = "chat"

    def __init__(self, asked: Asked | None = None, clock: Callable[[], float] = time.time) -> None:
        self._asked = asked or Asked()
        self._clock = clock

    def answering(self, asked: Asked) -> Self:
        """The same for the replies to one request."""
        return type(self)(asked, self._clock)

    def check_request(self, members: Members) -> None:
        """Check `model`, that there is something to answer, and the kinds of others. Raises BadRequestError."""
        request.check_request(members)

    def parse_request(self, members: Mapping[str, Any]) -> ChatRequest:
        """The typed request. Raises BadRequestError with the field's path."""
        return request.parse_request(members)

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream, and what became of each field."""
        assert isinstance(typed, ChatRequest)
        return render.render_request(typed)

    def caller_path(self, members: Mapping[str, Any], field: str) -> str:
        """A field's path in the caller's request; `members` are decoded."""
        return paths.caller_path(members, field)

    def judged(self, note: FieldNote) -> FieldNote | None:
        """A note on one of this dialect's fields as it counts; None where it needs no mention."""
        return fields.judged(note)

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Defaults where the caller gave none, in the spelling of this API or of chat completions."""
        return request.add_defaults(members, defaults)

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError when this is not a response, and the error of one that failed."""
        reply.check_reply(members)

    def parse_reply(self, members: Mapping[str, Any]) -> ChatReply:
        """The typed reply. Raises BadGatewayError."""
        return reply.parse_reply(members)

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """Members of the caller's reply."""
        assert isinstance(typed, ChatReply)
        return reply.render_reply(typed, self._asked, self._clock)

    def reply_fidelity(self, typed: TypedReply) -> Fidelity:
        """What `render_reply` cannot say of a reply, and what it says nearly."""
        assert isinstance(typed, ChatReply)
        return reply.losses(typed)

    def usage_of(self, members: Members) -> Usage | None:
        """The usage a reply states."""
        return reply.usage_of(members)

    def decoder(self) -> Decoder:
        """A decoder for one upstream stream."""
        return Decoder()

    def encoder(self, *, model: str, include_usage: bool) -> Encoder:
        """An encoder for one caller's stream; this dialect always streams usage."""
        return Encoder(model=model, asked=self._asked, clock=self._clock)

    def relay(self, *, model: str, hide_usage: bool = False) -> Relay:
        """A relay for one stream; usage is always shown in this dialect."""
        return Relay(model=model, asked=self._asked)

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """OpenAI's error body."""
        return render_error(error)
