"""What the repository holds: its Python files, its plugins, and their syntax trees."""

from __future__ import annotations

import ast
import os
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "nova_core"
SKIPPED = {".git", ".venv", ".tox", "build", "dist", "site", "node_modules", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Plugin:
    """One distribution under `plugins/`."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def package(self) -> Path:
        return self.folder / self.name.replace("-", "_")

    @property
    def description(self) -> dict[str, Any]:
        return _described(self.folder)

    def entry_points(self, group: str) -> dict[str, str]:
        return dict(self.description["project"].get("entry-points", {}).get(group, {}))


@cache
def _described(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def plugins() -> list[Plugin]:
    """Every folder under `plugins/` that is a distribution."""
    return [Plugin(file.parent) for file in sorted((ROOT / "plugins").glob("*/pyproject.toml"))]


def python_files(*folders: Path) -> list[Path]:
    """Python files below `folders`, without caches and built things."""
    found = {path for folder in folders for path in folder.rglob("*.py")}
    return sorted(path for path in found if not SKIPPED.intersection(path.relative_to(ROOT).parts))


def core_files() -> list[Path]:
    return python_files(CORE)


def plugin_files() -> list[Path]:
    return python_files(*(plugin.package for plugin in plugins()))


def files_of_tests() -> list[Path]:
    folders = [ROOT / "tests", *(plugin.folder / "tests" for plugin in plugins())]
    return [path for path in python_files(*folders) if path.name.startswith("test_")]


def texts(suffixes: Collection[str]) -> Iterator[Path]:
    """Files of the repository with these suffixes, without what is hidden, installed or built."""
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name not in SKIPPED and not name.startswith(".")]
        yield from (Path(folder, name) for name in names if name[0] != "." and Path(name).suffix in suffixes)


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path, node: ast.AST | None = None) -> str:
    """`file:line`, relative to the repository."""
    line = getattr(node, "lineno", None)
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


@cache
def functions(tree: ast.AST) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def imported_names(path: Path) -> tuple[tuple[ast.stmt, str], ...]:
    """Every dotted name the file imports, at any depth: `from a.b import c` gives `a.b.c`."""
    return tuple(_imported_names(path))


def _imported_names(path: Path) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            start = _absolute(path, node)
            for alias in node.names:
                yield node, f"{start}.{alias.name}"


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    base = next(folder for folder in path.parents if not (folder / "__init__.py").exists())
    package = path.relative_to(base).with_suffix("").parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])
