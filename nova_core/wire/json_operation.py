"""What the formats of operations beside chat have in common: checks of fields, whole JSON replies, OpenAI's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.chat import Extra
from nova_core.types.message import Members, decoded
from nova_core.wire.openai_chat.errors import render_error
from nova_core.wire.openai_chat.fields import bad_field, starts_with
from nova_core.wire.openai_chat.request import add_defaults
from nova_core.wire.upstream_errors import facts_of
from nova_core.wire.whole_answers import WholeAnswers

KINDS: Mapping[str, tuple[bytes, str]] = {
    "text": (b'"', "must be a string"),
    "number": (b"-0123456789", "must be a number"),
    "flag": (b"tf", "must be true or false"),
    "array": (b"[", "must be an array"),
    "object": (b"{", "must be an object"),
    "voice": (b'"{', "must be a string or an object"),
}
"""Kinds of members: the first bytes of their JSON, and what is said of another one. null counts as absent."""


class JsonOperation(WholeAnswers):
    """The half of a dialect that such formats share. `answer` is the member by which a reply is known: an array."""

    name: str
    answer: str

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Defaults where the caller gave nothing (null counts as nothing)."""
        return add_defaults(members, defaults)

    def check_reply(self, members: Members) -> None:
        """The array of answers and no `error`; what is in it is not looked at. Raises BadGatewayError."""
        if (error := decoded(members.get("error"))) is not None:
            facts = facts_of(msgspec.json.encode({"error": error}))
            raise BadGatewayError(f"the upstream answered 200 with an error: {facts.message}")
        if not starts_with(members.get(self.answer), b"["):
            raise BadGatewayError(f"the upstream's answer is no reply of {self.operation}: it has no `{self.answer}`")

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """OpenAI's error body."""
        return render_error(error)

    def refuse_stream(self, members: Members) -> None:
        """Raises BadRequestError when a stream is asked for."""
        if decoded(members.get("stream")) is True:
            raise self.not_streamed()


def check_kinds(members: Members, kinds: Mapping[str, str]) -> None:
    """The JSON kinds (of `KINDS`) of the members that are there. Raises BadRequestError naming the first wrong one."""
    for name, kind in kinds.items():
        if name in members:
            first, problem = KINDS[kind]
            if not starts_with(members[name], first + b"n"):
                raise bad_field(name, problem)


def check_text(members: Members, name: str) -> str:
    """A member that must be there and be a text that says something. Raises BadRequestError."""
    value = members.get(name)
    text = decoded(value) if value is not None and starts_with(value, b'"') else None
    if not isinstance(text, str) or not text.strip():
        problem = "is required" if value is None else "must be a string that is not empty"
        raise BadRequestError(f"`{name}` {problem}", param=name, code="missing_required_parameter")
    return text


def extra_of(dialect: str, members: Mapping[str, Any], known: frozenset[str]) -> Extra:
    """The members that are not known, under the dialect's name; empty without any."""
    rest = {name: value for name, value in members.items() if name not in known}
    return {dialect: rest} if rest else {}


def given(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def count(value: Any) -> int:
    """A count of tokens; 0 for anything else."""
    return value if type(value) is int and value > 0 else 0
