"""Process environment: the `environment_variables` section and `.env` files."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Protocol

from nova_core.config.explain import ConfigError, Position, Problem
from nova_core.config.includes import read_text

BLOCKED = frozenset({
    "PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME",
    "HOME", "USER", "SHELL", "LOGNAME", "NO_PROXY",
})  # fmt: skip
"""Names a configuration file may not set, besides `DYLD_*`: they change what code runs or where calls go."""

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$"}


class HasEnvironment(Protocol):
    """What `apply_environment` reads: names to plain values, blocked names already left out."""

    @property
    def environment_variables(self) -> Mapping[str, str]: ...


def is_blocked(name: str) -> bool:
    return name.upper() in BLOCKED or name.upper().startswith("DYLD_")


def environment_text(value: Any) -> str | None:
    """The text a variable gets; None for a value that is not a scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def apply_environment(settings: HasEnvironment, environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Set the section's variables in `environ`, over what is there; returns their names."""
    variables = settings.environment_variables
    environ.update(variables)
    return tuple(variables)


def read_dotenv(path: Path | str) -> dict[str, str]:
    """Names and values of a `.env` file; `ConfigError` with file and line when a line is not `NAME=value`.

    Understands `export`, comments, single quotes (literal) and double quotes (`\\n`, `\\t`, `\\"`, `\\\\`; may span
    lines). Nothing is expanded. The caller decides what to apply: `{**values, **os.environ}` keeps what is set.
    """
    lines = read_text(Path(path)).splitlines()
    found: dict[str, str] = {}
    number = 0
    while number < len(lines):
        start, line = number, lines[number]
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if not match:
            raise ConfigError([_bad_line(path, start, "is not NAME=value")])
        name, rest = match.groups()
        while rest[:1] in ("'", '"') and _closing_quote(rest) is None:
            if number == len(lines):
                raise ConfigError([_bad_line(path, start, "opens a quote that is never closed")])
            rest += "\n" + lines[number]
            number += 1
        found[name] = _unquote(rest)
    return found


def _closing_quote(text: str) -> int | None:
    quote, index = text[0], 1
    while index < len(text):
        if text[index] == quote:
            return index
        index += 2 if quote == '"' and text[index] == "\\" else 1
    return None


def _unquote(text: str) -> str:
    if text[:1] not in ("'", '"'):
        return re.split(r"(?:^|\s+)#", text, maxsplit=1)[0].strip()
    body = text[1 : _closing_quote(text)]
    if text[0] == "'":
        return body
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(0)), body)


def _bad_line(path: Path | str, index: int, what: str) -> Problem:
    return Problem("error", "dotenv", f"line {index + 1} {what}", position=Position(str(path), index + 1, 1))
