"""What is asked and answered in a cell of the matrix, in no dialect: written and read here without the gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import msgspec

from nova_core.testing.upstream import Received

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG as base64."""

    data: str


@dataclass(frozen=True, slots=True)
class Thought:
    """Reasoning, with what must go back to its maker; the text may be empty where only that is left."""

    text: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a tool; `number` counts the calls of a conversation from 1, whatever ids a dialect gives them."""

    number: int
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Returned:
    """What the call of this number returned."""

    number: int
    text: str


Part = Words | Picture | Thought | Called | Returned
Said = tuple[str, Part]
"""Who says it (`user`, `assistant`, `tool`), and what; how parts are grouped into messages is the dialect's affair."""


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `choice` is `required` or the name of a tool; `effort` how much to think."""

    turns: tuple[Said, ...]
    system: str = ""
    tools: tuple[Function, ...] = ()
    choice: str = ""
    schema: Mapping[str, Any] | None = None
    effort: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its parts in order, why it ended (`stop`, `tool_calls`), tokens in, out, and out to think."""

    parts: tuple[Part, ...]
    finish: str = "stop"
    usage: tuple[int, int] = (11, 7)
    thought_tokens: int = 0


class Failure(Exception):
    """An error that a caller was told, in a reply (with its status) or in a stream."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Caller(Protocol):
    """One dialect as its callers speak and read it."""

    name: str

    def path(self, model: str, *, stream: bool) -> str: ...

    def request(self, asked: Asked, model: str) -> Json: ...

    def reply(self, body: Json) -> Answer:
        """What a reply says; the vendor's own types must take it."""
        ...

    def stream(self, body: bytes) -> Answer:
        """What a whole stream says. Raises Failure for one that ends with an error, AssertionError without an end."""
        ...

    def failure(self, body: Json) -> str:
        """The message of an error's body; the vendor's own types must take it."""
        ...

    def again(self, request: Json, reply: Json, returned: Iterable[Returned]) -> Json:
        """The next request of the conversation: the reply handed back as it came, and the results of its calls."""
        ...


@dataclass(slots=True)
class Numbers:
    """Counts calls by their ids, in the order in which they appear."""

    _known: list[str] = field(default_factory=list)
    _returned: int = 0

    def call(self, id: str | None = None) -> int:
        """The number of the next call."""
        self._known.append(id or "")
        return len(self._known)

    def result(self, id: str | None = None) -> int:
        """The number of the call with this id; where a dialect has no ids, results come in the order of the calls."""
        self._returned += 1
        return self._known.index(id) + 1 if id else self._returned


def id_of(number: int) -> str:
    """The id that callers and upstreams give the call of this number; every vendor takes it."""
    return f"call0000{number}"


def document(text: str) -> Json:
    """A JSON object from its text."""
    found: Json = msgspec.json.decode(text or "{}")
    return found


def text_of(value: Any) -> str:
    """JSON text."""
    return msgspec.json.encode(value).decode()


def halves(text: str) -> tuple[str, ...]:
    """`text` in two pieces, as streams bring it."""
    return tuple(piece for piece in (text[: len(text) // 2], text[len(text) // 2 :]) if piece)


def joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Texts and thoughts that stand side by side as one; empty ones left out."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Words) and isinstance(last, Words):
            found[-1] = Words(last.text + part.text)
        elif isinstance(part, Thought) and isinstance(last, Thought):
            found[-1] = Thought(last.text + part.text, last.signature + part.signature)
        elif part not in (Words(""), Thought("")):
            found.append(part)
    return tuple(found)


def expect_same(found: Asked | Answer, expected: Asked | Answer) -> None:
    """Fail unless they are equal, showing what differs."""
    differences = [
        f"{member.name}: {ours!r} instead of {theirs!r}"
        for member in fields(found)
        if (ours := getattr(found, member.name)) != (theirs := getattr(expected, member.name))
    ]
    assert not differences, "; ".join(differences)


def events(body: bytes) -> list[tuple[str | None, bytes]]:
    """The events of a stream: their names and data."""
    found = []
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = [line.partition(b":") for line in block.split(b"\n") if line and not line.startswith(b":")]
        names = [value.strip().decode() for name, _, value in lines if name == b"event"]
        data = b"\n".join(value.removeprefix(b" ") for name, _, value in lines if name == b"data")
        if data:
            found.append((names[0] if names else None, data))
    return found


def event(data: Any, name: str | None = None) -> bytes:
    """One event of a stream."""
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + msgspec.json.encode(data) + b"\n\n"


class Wire(Protocol):
    """One wire format as an upstream speaks it; `signs` says that it keeps signatures of thoughts."""

    name: str
    signs: bool
    broken: bytes

    def read(self, body: Json, stream: bool) -> Asked:
        """What a request says; the vendor's own schema must take it."""
        ...

    def reply(self, answer: Answer) -> Json | Callable[[Received], Json]:
        """A whole reply, or what makes one from a request."""
        ...

    def pieces(self, answer: Answer) -> list[bytes]: ...
