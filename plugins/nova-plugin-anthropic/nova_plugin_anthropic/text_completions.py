"""The Text Completions API as a dialect that only an upstream speaks: a prompt of two voices, and its continuation."""

# https://docs.anthropic.com/en/api/complete and https://docs.anthropic.com/en/api/prompt-validation

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import ChatReply, ChatRequest, Choice, Message, Text
from nova_core.types.dialect import StreamDecoder
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages.render import DEFAULT_MAX_TOKENS, PERSONAL
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.openai_completions import NAME as COMPLETIONS
from nova_core.wire.prompt_templates import Template
from nova_core.wire.prompts import TEXT_ONLY, as_turns, note_text_only, own_inputs
from nova_core.wire.unsaid import note_unsaid
from nova_core.wire.upstream_errors import facts_of, redacted
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_anthropic.text_stream import HUMAN, Decoder, finish_of, hit_by

NAME: Final = "anthropic_text"
ASSISTANT: Final = "\n\nAssistant:"
TWO_VOICES: Final = Template({"user": (f"{HUMAN} ", ""), "assistant": (f"{ASSISTANT} ", "")}, end=ASSISTANT)
"""Instructions stand before the first question."""
NUMBERS: Final = ("temperature", "top_p", "top_k")
SAID: Final = frozenset({"max_tokens", "stop", *NUMBERS, *TEXT_ONLY})


class TextCompletions(UpstreamOnly):
    """`POST /v1/complete`, a conversation in `template`. Usage is not stated."""

    name = NAME
    operation: Operation = "chat"

    def __init__(self, template: Template = TWO_VOICES, max_tokens: int = DEFAULT_MAX_TOKENS) -> None:
        self._template = template
        self._max_tokens = max_tokens

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Raises BadRequestError for what is no chat."""
        if not isinstance(typed, ChatRequest):
            raise BadRequestError("text is completed for chats only")
        notes = ForeignNotes(own=False, dialect=NAME)
        members: dict[str, Any] = {"model": typed.model, "prompt": self._prompt(typed, notes)}
        members["max_tokens_to_sample"] = self._limit(typed, notes)
        members |= {name: value for name in NUMBERS if (value := getattr(typed, name)) is not None}
        if typed.temperature is not None and typed.temperature > 1:
            members["temperature"] = 1
            notes.approximated("temperature", "the vendor's scale ends at 1")
        if typed.stop:
            members["stop_sequences"] = list(typed.stop)
        if typed.user is not None and not PERSONAL.fullmatch(typed.user):
            members["metadata"] = {"user_id": typed.user}
            notes.mapped("user", "metadata.user_id")
            typed = replace(typed, user=None)
        if typed.stream:
            members["stream"] = True
        members |= own_inputs(typed, notes)
        note_text_only(typed, notes)
        note_unsaid(replace(typed, extra={}), SAID, notes)
        return members, notes.fidelity()

    def _prompt(self, typed: ChatRequest, notes: ForeignNotes) -> str:
        """The conversation in the template; a completion's prompt that has both voices already is sent as it is."""
        told = as_turns(typed.messages, notes)
        if told.images:
            notes.lost("messages", "a prompt holds text only")
        asked = told.turns[0][1] if COMPLETIONS in typed.extra and told.turns else ""
        if ASSISTANT in asked.partition(HUMAN)[2]:
            return asked
        return self._template.prompt(told)

    def _limit(self, typed: ChatRequest, notes: ForeignNotes) -> int:
        if typed.max_tokens is not None:
            return typed.max_tokens
        notes.mapped("max_tokens", f"the vendor needs one: {self._max_tokens}")
        return self._max_tokens

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without a text `completion`."""
        if not isinstance(decoded(members.get("completion")), str):
            words = redacted(facts_of(msgspec.json.encode(dict(members))).message)
            raise BadGatewayError(f"the upstream's answer is no completion{': ' + words if words else ''}")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `ChatReply`. Raises BadGatewayError."""
        self.check_reply(members)
        text = members["completion"]
        finish, native = finish_of(members)
        said = Message("assistant", (Text(text),) if text else ())
        choice = Choice(0, said, finish or "stop", native, hit_by(members))
        named = str(members.get("id") or members.get("log_id") or "")
        return ChatReply(named, str(members.get("model") or ""), (choice,))

    def usage_of(self, members: Members) -> Usage | None:
        """None: the API does not count."""
        return None

    def decoder(self) -> StreamDecoder:
        """A decoder for one stream."""
        return Decoder()


TEXT_COMPLETIONS: Final = TextCompletions()
