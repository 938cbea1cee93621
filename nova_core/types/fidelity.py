"""What a translation between two dialects did to each field."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Fate(Enum):
    """What became of a field.

    MAPPED: said in the other dialect's words, nothing lost. APPROXIMATED: said nearly. HINT: a hint
    (cache_control, image detail, strict, user, …) that cannot be expressed; always dropped and named.
    LOST: changes the answer's meaning and cannot be expressed; refused unless the operator drops.
    Fields that are not mentioned were kept.
    """

    MAPPED = "mapped"
    APPROXIMATED = "approximated"
    HINT = "dropped hint"
    LOST = "not expressible"


@dataclass(frozen=True, slots=True)
class FieldNote:
    """One field's fate; `field` is its path in the caller's request, such as `messages[2].content[0].cache_control`."""

    field: str
    fate: Fate
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The report of one translation."""

    notes: tuple[FieldNote, ...] = ()

    def of(self, *fates: Fate) -> tuple[str, ...]:
        """The distinct fields with one of these fates, in order."""
        return tuple(dict.fromkeys(note.field for note in self.notes if note.fate in fates))

    @property
    def lost(self) -> tuple[str, ...]:
        """Fields that must be refused, or dropped where the operator allows it."""
        return self.of(Fate.LOST)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Everything that does not reach the upstream: hints and lost fields."""
        return self.of(Fate.HINT, Fate.LOST)

    def __add__(self, other: Fidelity) -> Fidelity:
        return Fidelity(self.notes + other.notes)


EXACT = Fidelity()
