"""What of another dialect's reply a chat completion cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from nova_core.types.chat import (
    Audio,
    ChatReply,
    Choice,
    Citation,
    Extra,
    File,
    Image,
    Opaque,
    Part,
    Text,
    ToolResult,
)
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.wire.openai_chat.drawn import image_member
from nova_core.wire.openai_chat.fields import NAME
from nova_core.wire.openai_chat.notes import HINTS

KEPT = "kept whole in provider_specific_fields"


def losses(typed: ChatReply) -> Fidelity:
    """Notes on the reply, in the paths of its typed view."""
    notes = list(_extras(typed.extra, ""))
    for place, choice in enumerate(typed.choices):
        notes += _choice(choice, f"choices[{place}]")
    return Fidelity(tuple(notes))


def _choice(choice: Choice, path: str) -> Iterator[FieldNote]:
    if choice.finish in ("refusal", "pause"):
        yield FieldNote(f"{path}.finish", Fate.APPROXIMATED, "its own word is in provider_specific_fields")
    yield from _extras(choice.extra, path)
    yield from _extras(choice.message.extra, f"{path}.message")
    for place, part in enumerate(choice.message.parts):
        yield from _part(part, f"{path}.message.parts[{place}]")


def _part(part: Part, path: str) -> Iterator[FieldNote]:
    if isinstance(part, Opaque):
        if part.dialect != NAME:
            yield FieldNote(path, Fate.MAPPED, KEPT if image_member(part.raw) is None else "one of its images")
        return
    yield from _extras(part.extra, path)
    if isinstance(part, Image | File | ToolResult):
        yield FieldNote(path, Fate.LOST, f"an answer holds no {type(part).__name__}")
    if isinstance(part, Audio) and part.format is not None:
        yield FieldNote(f"{path}.format", Fate.HINT)
    if isinstance(part, Text):
        yield from (
            _citation(cited, f"{path}.citations[{n}]") for n, cited in enumerate(part.citations) if _foreign(cited)
        )


def _foreign(cited: Citation) -> bool:
    return cited.dialect != NAME


def _citation(cited: Citation, path: str) -> FieldNote:
    if cited.url is None:
        return FieldNote(path, Fate.MAPPED, KEPT)
    return FieldNote(path, Fate.APPROXIMATED, "a citation of its URL, on the whole text")


def _extras(extra: Extra, path: str) -> Iterator[FieldNote]:
    """A note on each field that only another dialect has; unknown counts of the usage are hints."""
    for owner, members in extra.items():
        for name, value in members.items():
            field = f"{path}.{name}" if path else name
            if owner == NAME:
                continue
            if name == "usage" and isinstance(value, dict):
                yield from (FieldNote(f"{field}.{inner}", Fate.HINT, f"only {owner} has it") for inner in value)
            else:
                yield FieldNote(field, Fate.HINT if name in HINTS else Fate.LOST, f"only {owner} has it")
