"""OpenAI's Chat Completions as a dialect."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from nova_core.errors import NovaError
from nova_core.types.chat import ChatReply, ChatRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest
from nova_core.wire.openai_chat import errors, losses, render, reply, request
from nova_core.wire.openai_chat.decoder import ChatDecoder
from nova_core.wire.openai_chat.encoder import ChatEncoder
from nova_core.wire.openai_chat.fields import NAME
from nova_core.wire.openai_chat.relay import ChatRelay


class OpenAIChat:
    """The dialect of `/v1/chat/completions`. `clock` gives `created`, in Unix seconds, where an upstream does not."""

    name = NAME
    operation: Operation = "chat"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    # Asked for every call, and therefore without a step between.
    check_request = staticmethod(request.check_request)
    check_reply = staticmethod(reply.check_reply)
    usage_of = staticmethod(reply.usage_of)

    def parse_request(self, members: Mapping[str, Any]) -> ChatRequest:
        """The typed request. Raises BadRequestError with the field's path."""
        return request.parse_request(members)

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream, and what became of each field."""
        assert isinstance(typed, ChatRequest)
        return render.render_request(typed)

    def caller_path(self, members: Mapping[str, Any], field: str) -> str:
        """A field's path in the caller's request, which has two names for the length of an answer."""
        return request.caller_path(members, field)

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Defaults where the caller gave none, in any spelling."""
        return request.add_defaults(members, defaults)

    def parse_reply(self, members: Mapping[str, Any]) -> ChatReply:
        """The typed reply. Raises BadGatewayError."""
        return reply.parse_reply(members)

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """Members of the caller's reply."""
        assert isinstance(typed, ChatReply)
        return reply.render_reply(typed, self._clock)

    def reply_fidelity(self, typed: TypedReply) -> Fidelity:
        """What `render_reply` cannot say of a reply, and what it says nearly."""
        assert isinstance(typed, ChatReply)
        return losses.losses(typed)

    def decoder(self) -> ChatDecoder:
        """A decoder for one upstream stream."""
        return ChatDecoder()

    def encoder(self, *, model: str, include_usage: bool) -> ChatEncoder:
        """An encoder for one caller's stream."""
        return ChatEncoder(model=model, include_usage=include_usage, clock=self._clock)

    def relay(self, *, model: str, hide_usage: bool = False) -> ChatRelay:
        """A relay for one stream that keeps this dialect."""
        return ChatRelay(model=model, hide_usage=hide_usage)

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """OpenAI's error body."""
        return errors.render_error(error)
