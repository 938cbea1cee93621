"""A whole reply as its caller reads it: in the caller's dialect, in the form asked for, under the caller's name."""

from __future__ import annotations

from nova_core.types.call import Call
from nova_core.types.dialect import Dialect, SaysAsAsked
from nova_core.types.message import Operation, Reply, Request
from nova_core.types.structural import follows
from nova_core.wire.translate import translate_reply

SHAPED: frozenset[Operation] = frozenset({"transcription", "translation"})
"""Operations whose requests choose the form of their replies."""


def as_said(call: Call, reply: Reply) -> Reply:
    """A reply in the caller's dialect and under the caller's model name."""
    dialect = call.original.dialect
    if reply.dialect is not dialect or call.operation in SHAPED:
        reply = in_dialect(reply, dialect, call.original)
    if reply.fidelity.notes and (dropped := reply.fidelity.dropped):
        call.note("translate", f"the answer is said without {', '.join(dropped)}")
    named = getattr(dialect, "model_member", "model")
    return reply.with_members({named: call.model}) if named in reply.members else reply


def in_dialect(reply: Reply, dialect: Dialect, request: Request) -> Reply:
    """A reply in the caller's dialect, and in the form that the request asks for."""
    translated = translate_reply(reply, dialect)
    if not follows(dialect, SaysAsAsked):
        return translated
    return dialect.said_as_asked(translated, request.members)
