"""Providers of models that continue a prompt: a conversation becomes one, in the model's template or a transcript."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nova_core.types.chat import ChatRequest, Message, Text
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Request
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.prompt_templates import check_template, in_template, template_for
from nova_core.wire.provider import DialectProvider

INSTRUCTING = ("system", "developer")


class Transcribed(DialectProvider):
    """Speaks completions alone. Where the model's template is unknown, a question is said as it is, and so are
    instructions with one.
    """

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """The deployment, with a template that can be read. Raises ConfigurationError."""
        check_template(deployment)
        return super().complete(deployment, environ)

    def _translated(self, request: Request, dialect: Dialect, deployment: Deployment) -> tuple[Request, Fidelity]:
        typed = request.typed if request.operation == "chat" else None
        template = template_for(deployment)
        if not isinstance(typed, ChatRequest) or (template is None and _is_one_question(typed.messages)):
            return super()._translated(request, dialect, deployment)
        notes = ForeignNotes(own=False, dialect=dialect.name)
        prompt = in_template(typed.messages, template, notes)
        for _ in prompt.images:
            notes.lost("messages", "a prompt holds text only")
        instructions = (Message("system", (Text(prompt.system),)),) if prompt.system else ()
        messages = (*instructions, Message("user", (Text(prompt.text),)))
        told = request.with_typed(replace(typed, messages=messages))
        upstream, fidelity = super()._translated(told, dialect, deployment)
        return upstream, notes.fidelity() + fidelity


def _is_one_question(messages: tuple[Message, ...]) -> bool:
    roles = [message.role for message in messages]
    return roles[-1:] == ["user"] and all(role in INSTRUCTING for role in roles[:-1])
