"""Requests and replies from one dialect into another, through the typed model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import ChatReply, Opaque
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import EXACT, Fate, Fidelity, FieldNote
from nova_core.types.message import Members, Operation, RawReply, Reply, Request, TypedReply, TypedRequest, decoded
from nova_core.types.structural import follows

CHAT: frozenset[Operation] = frozenset({"chat", "completion", "count_tokens"})
"""Operations whose requests and replies can be said in each other's dialects."""


@runtime_checkable
class ReportsReplies(Protocol):
    """A dialect that knows more than its extras about what its replies cannot say."""

    def reply_fidelity(self, typed: TypedReply) -> Fidelity:
        """What `render_reply` does with each field that it cannot say as it is."""
        ...


@runtime_checkable
class NamesFields(Protocol):
    """A dialect whose requests have other paths than their typed view."""

    def caller_path(self, members: Mapping[str, Any], field: str) -> str:
        """The path in a request with these decoded members of what `field` is in the typed view."""
        ...


@runtime_checkable
class JudgesLosses(Protocol):
    """A dialect that knows which of its own fields do not change an answer."""

    def judged(self, note: FieldNote) -> FieldNote | None:
        """A note on one of its fields as it counts; None where it needs no mention."""
        ...


def translate_request(
    request: Request, dialect: Dialect, *, typed: TypedRequest | None = None
) -> tuple[Request, Fidelity]:
    """The request in `dialect`, and what became of each field; the same request when it speaks `dialect` already.

    `typed` is what to say in place of the request's own typed view. Fields are named as the caller knows them. Lost
    fields are left out: whether that is allowed is for the caller to settle. Raises BadRequestError with
    the field's path for a request that cannot be read or said.
    """
    if request.dialect.name == dialect.name:
        return request, EXACT
    if not _are_alike(request.operation, dialect.operation):
        raise BadRequestError(f"a request for {request.operation} cannot be served through {dialect.operation}")
    members, fidelity = dialect.render_request(request.typed if typed is None else typed)
    return Request(dialect.operation, dialect, members), _as_the_caller_says(request, fidelity)


class _Decoded(Mapping[str, Any]):
    """Members, each of them decoded when it is looked at."""

    __slots__ = ("_known", "_members")

    def __init__(self, members: Members) -> None:
        self._members = members
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = decoded(self._members[name])
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def _as_the_caller_says(request: Request, fidelity: Fidelity) -> Fidelity:
    notes, dialect = fidelity.notes, request.dialect
    if notes and follows(dialect, JudgesLosses):
        notes = tuple(judged for note in notes if (judged := dialect.judged(note)) is not None)
    if notes and follows(dialect, NamesFields):
        members = _Decoded(request.members)
        notes = tuple(replace(note, field=dialect.caller_path(members, note.field)) for note in notes)
    return Fidelity(notes)


def translate_reply(reply: Reply, dialect: Dialect) -> Reply:
    """The reply in `dialect`, with its headers and usage; the same reply when it speaks `dialect` already.

    The fidelity of the answer names what `dialect` cannot say. Raises BadGatewayError for a reply that cannot
    be read.
    """
    if reply.dialect.name == dialect.name or isinstance(reply, RawReply):
        return reply
    typed = reply.typed
    if isinstance(typed, ChatReply) != (dialect.operation in CHAT):
        raise BadGatewayError(f"an answer to {reply.operation} cannot be said as one to {dialect.operation}")
    lost = dialect.reply_fidelity(typed) if follows(dialect, ReportsReplies) else foreign(typed, dialect.name)
    return Reply(
        dialect.operation,
        dialect,
        dialect.render_reply(typed),
        headers=reply.headers,
        usage=reply.usage,
        fidelity=reply.fidelity + lost,
    )


def _are_alike(asked: Operation, served: Operation) -> bool:
    return asked == served or (asked in CHAT and served in CHAT)


def foreign(typed: TypedReply, dialect: str) -> Fidelity:
    """Fields and parts of a reply that only other dialects than `dialect` know."""
    return Fidelity(tuple(_foreign(typed, "", dialect)))


def _foreign(value: Any, path: str, dialect: str) -> list[FieldNote]:
    if isinstance(value, Opaque):
        why = f"only {value.dialect} knows it"
        return [] if value.dialect == dialect else [FieldNote(path, Fate.LOST, why)]
    if isinstance(value, tuple):
        return [note for place, item in enumerate(value) for note in _foreign(item, f"{path}[{place}]", dialect)]
    if not is_dataclass(value):
        return []
    notes: list[FieldNote] = []
    for member in fields(value):
        inner = getattr(value, member.name)
        if member.name == "extra":
            for owner, extra in inner.items():
                if owner != dialect:
                    notes += _extras(extra, path, owner)
        elif member.name not in ("data", "usage"):
            notes += _foreign(inner, f"{path}.{member.name}" if path else member.name, dialect)
    return notes


def _extras(extra: Mapping[str, Any], path: str, owner: str) -> list[FieldNote]:
    """A note on each field; unknown counts of the usage are told by their own names."""
    notes: list[FieldNote] = []
    for name, value in extra.items():
        field = f"{path}.{name}" if path else name
        if name == "usage" and isinstance(value, Mapping):
            notes += [FieldNote(f"{field}.{inner}", Fate.HINT, f"only {owner} has it") for inner in value]
        else:
            notes.append(FieldNote(field, Fate.LOST, f"only {owner} has it"))
    return notes
