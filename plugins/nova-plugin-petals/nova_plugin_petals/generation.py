"""`/api/v1/generate` of a Petals server as a dialect that only an upstream speaks: a form in, text out."""

# https://github.com/petals-infra/chat.petals.dev#http-api-apiv1

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import ChatReply, ChatRequest, Choice, Message, Text
from nova_core.types.dialect import StreamDecoder
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.openai_completions import NAME as COMPLETIONS
from nova_core.wire.prompt_templates import Template, in_template
from nova_core.wire.prompts import TEXT_ONLY, note_text_only, own_inputs
from nova_core.wire.unsaid import note_unsaid
from nova_core.wire.upstream_errors import classify, shortened
from nova_core.wire.upstream_only import UpstreamOnly

NAME: Final = "petals_generate"
SAMPLING: Final = ("temperature", "top_p", "top_k")
SAID: Final = frozenset({"max_tokens", *SAMPLING, *TEXT_ONLY})
DEFAULT_MAX_TOKENS: Final = 1024
END_MARKS: Final = ("</s>", "<|endoftext|>", "<|eot_id|>")
"""What models end with, which servers leave in the text."""


class PetalsGenerate(UpstreamOnly):
    """Chats in a model's `template`, or as a transcript where it is unknown. Answers come whole, and nobody counts."""

    name = NAME
    operation: Operation = "chat"

    def __init__(self, template: Template | None = None) -> None:
        self._template = template

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Fields of the form, and `stream`. Raises BadRequestError for what is no chat."""
        if not isinstance(typed, ChatRequest):
            raise BadRequestError("text is generated for chats only")
        notes = ForeignNotes(own=False, dialect=NAME)
        members: dict[str, Any] = {"model": typed.model, "inputs": self._prompt(typed, notes), "stream": typed.stream}
        members |= _sampling(typed) | own_inputs(typed, notes)
        if typed.max_tokens is not None:
            members["max_new_tokens"] = typed.max_tokens
        elif not {"max_length", "max_new_tokens"} & members.keys():
            members["max_new_tokens"] = DEFAULT_MAX_TOKENS
            notes.mapped("max_tokens", f"servers need one: {DEFAULT_MAX_TOKENS}")
        note_text_only(typed, notes)
        note_unsaid(replace(typed, extra={}), SAID, notes)
        return members, notes.fidelity()

    def _prompt(self, typed: ChatRequest, notes: ForeignNotes) -> str:
        """The conversation as one text; a completion's prompt as it is."""
        prompt = in_template(typed.messages, None if COMPLETIONS in typed.extra else self._template, notes)
        if prompt.images:
            notes.lost("messages", "a prompt holds text only")
        if not prompt.system:
            return prompt.text
        notes.approximated("messages", "instructions are put in front of the prompt")
        return f"{prompt.system}\n\n{prompt.text}"

    def check_reply(self, members: Members) -> None:
        """Raises the error that the end of a `traceback` tells, BadGatewayError without `outputs`."""
        if decoded(members.get("ok")) is False:
            lines = str(decoded(members.get("traceback")) or "").strip().splitlines()
            raise classify(None, shortened(lines[-1]) if lines else "the upstream failed without a message")
        if not isinstance(decoded(members.get("outputs")), str):
            raise BadGatewayError("the upstream's answer has no `outputs`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `ChatReply`, whose end nobody gives a reason for."""
        self.check_reply(members)
        text: str = members["outputs"]
        for mark in END_MARKS:
            text = text.removesuffix(mark)
        return ChatReply("", "", (Choice(0, Message("assistant", (Text(text),) if text else ()), "stop"),))

    def usage_of(self, members: Members) -> Usage | None:
        """None: nobody counts."""
        return None

    def decoder(self) -> StreamDecoder:
        """Raises BadGatewayError: nothing is streamed."""
        raise BadGatewayError("the upstream answered with a stream, though its answers come whole")


def _sampling(typed: ChatRequest) -> dict[str, Any]:
    """Servers take the likeliest token unless they are told to sample, as nobody is with a temperature of zero."""
    said = {name: value for name in SAMPLING if (value := getattr(typed, name)) is not None}
    if said.get("temperature") == 0:
        del said["temperature"]
        return {"do_sample": False, **said}
    return {"do_sample": True, **said} if said else {}
