"""Providers of models that continue a prompt: conversations of several turns become transcripts."""

from __future__ import annotations

from dataclasses import replace

from nova_core.types.chat import ChatRequest, Message, Text
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Request
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.prompts import as_prompt
from nova_core.wire.provider import DialectProvider

INSTRUCTING = ("system", "developer")


class Transcribed(DialectProvider):
    """Speaks completions alone. A question is said as it is, and so are instructions with one."""

    def _translated(self, request: Request, dialect: Dialect, model: str) -> tuple[Request, Fidelity]:
        typed = request.typed if request.operation == "chat" else None
        if not isinstance(typed, ChatRequest) or _is_one_question(typed.messages):
            return super()._translated(request, dialect, model)
        notes = ForeignNotes(own=False, dialect=dialect.name)
        prompt = as_prompt(typed.messages, notes)
        for _ in prompt.images:
            notes.lost("messages", "a prompt holds text only")
        instructions = (Message("system", (Text(prompt.system),)),) if prompt.system else ()
        messages = (*instructions, Message("user", (Text(prompt.text),)))
        upstream, fidelity = super()._translated(request.with_typed(replace(typed, messages=messages)), dialect, model)
        return upstream, notes.fidelity() + fidelity


def _is_one_question(messages: tuple[Message, ...]) -> bool:
    roles = [message.role for message in messages]
    return roles[-1:] == ["user"] and all(role in INSTRUCTING for role in roles[:-1])
