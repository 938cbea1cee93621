"""`include:` lists: read the named files and merge them into the file that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nova_core.config.explain import ConfigError, KeyPath, Position, Problem
from nova_core.config.yaml_reader import Document, read_yaml

NOVA_SECTIONS = frozenset({"nova_settings", "plugins", "compat"})


def read_text(path: Path, position: Position | None = None) -> str:
    """The file's text; `ConfigError` when it is missing, unreadable or not UTF-8."""
    where = position or Position(str(path), 1, 1)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError([Problem("error", "encoding", f"{path} is not UTF-8 text", position=where)]) from None
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise ConfigError([Problem("error", "file", f"{path}: {reason}", position=where)]) from None


class IncludeReader:
    """Reads one tree of files. Each file is read once, however often it is named.

    Merge rule: a list in both files is concatenated, the including file's items first; any other key is taken
    from the included file, whole.
    """

    def __init__(self, root: str, folder: Path, *, root_path: Path | None) -> None:
        self.files: list[Path] = [root_path] if root_path else []
        self.nova_files: set[str] = set()
        self._root = root
        self._root_folder = folder
        self._seen: set[Path] = {root_path.resolve()} if root_path else set()

    def read_root(self, text: str) -> Document:
        document = self._parse(text, self._root)
        return self._expand(document, self._root_folder, self._root)

    def _parse(self, text: str, file: str, named_at: Position | None = None) -> Document:
        document = read_yaml(text, file)
        start = named_at or Position(file, 1, 1)
        if document.value is None:
            raise ConfigError(
                [Problem("error", "empty-file", f"{file} is empty", "write at least a `model_list:`", start)]
            )
        if not isinstance(document.value, dict):
            raise ConfigError(
                [
                    Problem(
                        "error",
                        "not-a-mapping",
                        f"{file} must be a mapping of sections, such as `model_list:`",
                        position=start,
                    )
                ]
            )
        if _uses_nova_sections(document.value):
            self.nova_files.add(file)
        return document

    def _expand(self, document: Document, folder: Path, file: str) -> Document:
        names = document.value.pop("include", None)
        position = document.positions.get(("include",))
        if names is None:
            return document
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ConfigError(
                [
                    Problem(
                        "error",
                        "include",
                        "`include` must be a list of file names",
                        "include: [models.yaml]",
                        position,
                        ("include",),
                    )
                ]
            )
        where = {index: document.positions[("include", index)] for index in range(len(names))}
        _forget(document, ("include",))
        for index, name in enumerate(names):
            path = self._find(name, folder, document, where[index])
            if path.resolve() in self._seen:
                continue
            self._seen.add(path.resolve())
            self.files.append(path)
            child = self._parse(read_text(path, where[index]), str(path), where[index])
            _merge(document, self._expand(child, path.parent, str(path)), where[index])
        return document

    def _find(self, name: str, folder: Path, document: Document, position: Position) -> Path:
        beside = folder / name
        if beside.is_file():
            return beside
        from_root = self._root_folder / name
        if from_root.is_file():
            document.problems.append(
                Problem(
                    "warning",
                    "include-folder",
                    f"`{name}` is not beside the file that includes it; read from {self._root_folder}",
                    "write the path relative to the including file",
                    position,
                    ("include",),
                )
            )
            return from_root
        raise ConfigError(
            [
                Problem(
                    "error",
                    "include-missing",
                    f"included file `{name}` does not exist in {folder}",
                    position=position,
                    path=("include",),
                )
            ]
        )


def _merge(base: Document, child: Document, position: Position) -> None:
    base.problems.extend(child.problems)
    for key, value in child.value.items():
        old = base.value.get(key)
        if isinstance(old, list) and isinstance(value, list):
            _adopt(base, child, key, offset=len(old))
            old.extend(value)
            continue
        lost = sorted(set(old) - set(value)) if isinstance(old, dict) and isinstance(value, dict) else []
        if lost:
            base.problems.append(
                Problem(
                    "warning",
                    "include-overwrites",
                    f"`{key}` is replaced whole by the included file; these keys of "
                    f"it no longer count: {', '.join(lost)}",
                    "keep each section in one file",
                    position,
                    (key,),
                )
            )
        _forget(base, (key,))
        _adopt(base, child, key, offset=0)
        base.value[key] = value


def _forget(document: Document, prefix: KeyPath) -> None:
    size = len(prefix)
    for path in [path for path in document.positions if path[:size] == prefix]:
        del document.positions[path]


def _adopt(base: Document, child: Document, key: str, *, offset: int) -> None:
    """Take over the child's positions under `key`, list items moved behind the `offset` items already there."""
    for path, position in child.positions.items():
        if path[0] != key:
            continue
        if len(path) > 1 and isinstance(path[1], int):
            path = (key, path[1] + offset, *path[2:])
        base.positions.setdefault(path, position)


def _uses_nova_sections(value: dict[str, Any]) -> bool:
    if NOVA_SECTIONS & value.keys():
        return True
    models = value.get("model_list")
    return isinstance(models, list) and any(isinstance(entry, dict) and "params" in entry for entry in models)
