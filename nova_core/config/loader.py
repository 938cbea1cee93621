"""Read a configuration file: YAML, includes, and values kept outside the file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nova_core.config.environment import environment_text, is_blocked
from nova_core.config.explain import ConfigError, KeyPath, Position, Problem
from nova_core.config.includes import IncludeReader, read_text
from nova_core.config.secrets import Resolver, Unresolved
from nova_core.config.yaml_reader import Document

# Two spellings of one section: ours first.
ALIASES: Mapping[str, str] = {"nova_settings": "litellm_settings", "params": "litellm_params"}
_VARIABLES = "environment_variables"


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A file as written, references resolved, nothing typed yet.

    `raw` has the keys as the user spelled them. `positions` maps the path of every key and list item to where it
    stands. `environ` is the process environment with `environment` (the file's own variables) over it.
    """

    source: str
    folder: Path
    files: tuple[Path, ...]
    raw: dict[str, Any] = field(repr=False)
    positions: Mapping[KeyPath, Position] = field(repr=False)
    unresolved: tuple[Unresolved, ...] = ()
    problems: tuple[Problem, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def written(self, path: KeyPath) -> KeyPath:
        """The path as the user spelled it: `nova_settings` may stand as `litellm_settings` in the file."""
        best, reach = path, 0
        for spelling in _spellings(path):
            known = next((n for n in range(len(path), 0, -1) if spelling[:n] in self.positions), 0)
            if known > reach:
                best, reach = spelling, known
        return best

    def locate(self, path: KeyPath) -> Position | None:
        """Where `path` stands, or the nearest key around it."""
        path = self.written(path)
        while path:
            if path in self.positions:
                return self.positions[path]
            path = path[:-1]
        return None


def _spellings(path: KeyPath) -> Iterator[KeyPath]:
    """The path itself, then every way to write its sections with two names."""
    heads = [(step, ALIASES[step]) if isinstance(step, str) and step in ALIASES else (step,) for step in path[:3]]
    return ((*head, *path[3:]) for head in itertools.product(*heads))


def load(path: Path | str, *, environ: Mapping[str, str] | None = None) -> LoadedConfig:
    """Read `path` and what it includes; `ConfigError` when a file is missing, empty or not YAML.

    Wrong keys and values do not raise here: see `check_keys` and `read_settings`. `environ` defaults to the
    process environment, which is not changed.
    """
    file = Path(path)
    reader = IncludeReader(str(path), file.parent, root_path=file)
    return _resolved(reader.read_root(read_text(file)), reader, file.parent, environ)


def loads(
    text: str, source: str = "<string>", *, folder: Path | str = ".", environ: Mapping[str, str] | None = None
) -> LoadedConfig:
    """Like `load` for a text; `folder` is where its includes and secret files are looked for."""
    reader = IncludeReader(source, Path(folder), root_path=None)
    return _resolved(reader.read_root(text), reader, Path(folder), environ)


def from_mapping(values: Mapping[str, Any], *, environ: Mapping[str, str] | None = None) -> LoadedConfig:
    """Like `loads` for sections that are Python values already; problems then have no file and line."""
    if "include" in values:
        raise ConfigError([Problem("error", "include", "only a file can include others", path=("include",))])
    reader = IncludeReader("<mapping>", Path(), root_path=None)
    return _resolved(Document(dict(values)), reader, Path(), environ)


def _resolved(
    document: Document, reader: IncludeReader, folder: Path, environ: Mapping[str, str] | None
) -> LoadedConfig:
    outside = dict(os.environ if environ is None else environ)
    problems = list(document.problems)
    nova_files = frozenset(reader.nova_files)
    values: dict[str, Any] = document.value

    first = Resolver(outside, folder, document.positions.get, nova_files=nova_files)
    variables = first.resolve(values.get(_VARIABLES), (_VARIABLES,))
    environment = _environment(variables, document, problems)
    effective = {**outside, **environment}

    second = Resolver(effective, folder, document.positions.get, nova_files=nova_files)
    raw = {key: variables if key == _VARIABLES else second.resolve(value, (key,)) for key, value in values.items()}
    problems.extend(_kept_braces(path, document) for path in (*first.kept_braces, *second.kept_braces))
    return LoadedConfig(
        source=str(next(iter(reader.files), "")) or _source(document),
        folder=folder,
        files=tuple(reader.files),
        raw=raw,
        positions=document.positions,
        unresolved=(*first.unresolved, *second.unresolved),
        problems=tuple(problems),
        environment=environment,
        environ=effective,
    )


def _source(document: Document) -> str:
    return next((position.file for position in document.positions.values()), "<string>")


def _environment(variables: Any, document: Document, problems: list[Problem]) -> dict[str, str]:
    where = (_VARIABLES,)
    if variables is None:
        return {}
    if not isinstance(variables, dict):
        problems.append(
            Problem(
                "error",
                "type",
                f"`{_VARIABLES}` must be a mapping of names to values",
                position=document.positions.get(where),
                path=where,
            )
        )
        return {}
    found: dict[str, str] = {}
    for name, value in variables.items():
        path: KeyPath = (_VARIABLES, name)
        text = environment_text(value)
        if is_blocked(name):
            problems.append(
                Problem(
                    "warning",
                    "blocked-variable",
                    f"`{name}` cannot be set by a configuration file",
                    "set it where the process is started",
                    document.positions.get(path),
                    path,
                )
            )
        elif text is not None:
            found[name] = text
        elif value is not None:
            problems.append(
                Problem(
                    "error",
                    "type",
                    f"the value of `{name}` must be text",
                    position=document.positions.get(path),
                    path=path,
                )
            )
    return found


def _kept_braces(path: KeyPath, document: Document) -> Problem:
    return Problem(
        "warning",
        "braces-kept",
        "`${…}` is kept as written: this file uses no nova-named section",
        "write os.environ/NAME",
        document.positions.get(path),
        path,
    )
