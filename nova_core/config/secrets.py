"""Values kept outside the file: `os.environ/NAME`, `os.file/PATH` and `${NAME}`.

| written | becomes | where |
|---|---|---|
| `os.environ/NAME` | the variable; `true` and `false` become booleans | everywhere, as the whole value |
| `os.file/PATH` | the file's text without its last line break; `os.file//run/secrets/key` is absolute, other paths are relative to the configuration file | everywhere, as the whole value |
| `${NAME}`, `${NAME:-default}` | the variable, also inside a longer text; `$${NAME}` stays `${NAME}` | only in files that use nova-named sections |

What cannot be found becomes None and is recorded.
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nova_core.config.explain import KeyPath, Position

ENVIRON = "os.environ/"
FILE = "os.file/"
MAX_SECRET_BYTES = 1 << 20

_BRACES = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_WORDS: dict[str, bool] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A reference that led nowhere. `name` is the variable's name or the file's path."""

    path: KeyPath
    name: str
    kind: Literal["environment", "file"]
    position: Position | None = None


class Resolver:
    """Replaces references in a tree of plain values; the input is not changed."""

    def __init__(
        self,
        environ: Mapping[str, str],
        folder: Path,
        locate: Callable[[KeyPath], Position | None],
        *,
        nova_files: frozenset[str] = frozenset(),
    ) -> None:
        self.unresolved: list[Unresolved] = []
        self.kept_braces: list[KeyPath] = []
        self._environ = environ
        self._folder = folder
        self._locate = locate
        self._nova_files = nova_files

    def resolve(self, value: Any, path: KeyPath = ()) -> Any:
        if isinstance(value, dict):
            return {key: self.resolve(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        if value.startswith(ENVIRON):
            return as_boolean(self._variable(value.removeprefix(ENVIRON).strip(), path))
        if value.startswith(FILE):
            return self._file(value.removeprefix(FILE), path)
        return self._braces(value, path) if "${" in value else value

    def _variable(self, name: str, path: KeyPath) -> str | None:
        found = self._environ.get(name) if name else None
        if found is None:
            self.unresolved.append(Unresolved(path, name, "environment", self._locate(path)))
        return found

    def _file(self, name: str, path: KeyPath) -> str | None:
        try:
            with (self._folder / name).open("rb") as file:
                data = file.read(MAX_SECRET_BYTES + 1)
            if len(data) <= MAX_SECRET_BYTES:
                return data.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError):
            pass  # recorded below, like a file that is too large
        self.unresolved.append(Unresolved(path, name, "file", self._locate(path)))
        return None

    def _braces(self, value: str, path: KeyPath) -> Any:
        position = self._locate(path)
        if position is None or position.file not in self._nova_files:
            if _BRACES.fullmatch(value):
                self.kept_braces.append(path)
            return value
        missing = False

        def replace(match: re.Match[str]) -> str:
            nonlocal missing
            escaped, name, default = match.groups()
            if escaped:
                return match.group(0)[1:]
            if default is not None:
                return self._environ.get(name) or str(default)
            found = self._variable(name, path)
            missing = missing or found is None
            return found or ""

        text = _BRACES.sub(replace, value)
        if missing:
            return None
        whole = _BRACES.fullmatch(value)
        return as_boolean(text) if whole and not whole.group(1) else text


def as_boolean(text: str | None) -> str | bool | None:
    """`true` and `false` in any case as booleans, anything else unchanged."""
    return text if text is None else _WORDS.get(text.strip().lower(), text)
