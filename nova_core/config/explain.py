"""What is wrong with a configuration file: where, why, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from nova_core.errors import ConfigurationError

KeyPath = tuple[str | int, ...]
"""A place in the file: mapping keys are text, list positions are numbers from 0."""

Severity = Literal["error", "warning", "info"]

_ORDER = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Position:
    """Line and column count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. An error stops the start; a warning is what `nova check` also refuses; info is only listed.

    `code` is stable and meant for machines; `message` and `hint` are for people and never quote a value.
    """

    severity: Severity
    code: str
    message: str
    hint: str = ""
    position: Position | None = None
    path: KeyPath = ()

    @property
    def file(self) -> str | None:
        return self.position.file if self.position else None

    @property
    def line(self) -> int | None:
        return self.position.line if self.position else None

    @property
    def column(self) -> int | None:
        return self.position.column if self.position else None

    def render(self) -> str:
        """`file:line: error: message (hint)`."""
        where = f"{self.position}: " if self.position else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.severity}: {self.message}{hint}"

    def to_json(self) -> dict[str, Any]:
        """The shape printed by `nova check --json`."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "hint": self.hint or None,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": dotted(self.path) or None,
        }


class ConfigError(ConfigurationError):
    """The configuration cannot be used; `problems` says why, errors first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = in_reading_order(problems)
        super().__init__("\n".join(problem.render() for problem in self.problems))


def in_reading_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Errors first, then by file and line; the same finding is given once."""
    once = dict.fromkeys(problems)
    return tuple(sorted(once, key=lambda p: (_ORDER[p.severity], p.file or "", p.line or 0, p.column or 0)))


def dotted(path: KeyPath) -> str:
    """`("model_list", 0, "params")` as `model_list[0].params`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def did_you_mean(name: str, options: Iterable[str], *, cutoff: float = 0.75) -> str:
    """A hint naming the nearest spelling, or an empty text."""
    near = nearest(name, options, cutoff=cutoff)
    return f"did you mean `{near}`?" if near else ""


def nearest(name: str, options: Iterable[str], *, cutoff: float = 0.75) -> str | None:
    """The option most like `name`; swapped letters count as the nearest."""
    others = sorted(set(options) - {name})
    swapped = [option for option in others if len(option) > 3 and sorted(option) == sorted(name)]
    found = swapped or difflib.get_close_matches(name, others, n=1, cutoff=cutoff)
    return found[0] if found else None
