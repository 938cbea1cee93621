"""Imports a plugin object by its dotted path, from files beside the configuration first."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


def import_dotted(dotted: str, base_dir: Path | None) -> object:
    """The object at `module.attribute`; a file of that module in `base_dir` wins over what is installed.

    The file is run anew each time, so a reloaded configuration gets its changes; its neighbours can be imported
    while it runs. Raises `ImportError` when there is no such module or attribute, and whatever the module raises.
    """
    module_name, _, attribute = dotted.rpartition(".")
    if not module_name:
        raise ImportError(f"{dotted!r} is not a path like module.attribute")
    file = _file_of(module_name, base_dir)
    if file is None or base_dir is None:
        module = importlib.import_module(module_name)
    else:
        with _on_path(base_dir):
            module = _run(module_name, file, base_dir)
    if not hasattr(module, attribute):
        raise ImportError(f"module {module_name!r} has no {attribute!r}")
    found: object = getattr(module, attribute)
    return found


def _file_of(module_name: str, base_dir: Path | None) -> Path | None:
    parts = module_name.split(".")
    if base_dir is None or not all(part.isidentifier() for part in parts):
        return None
    place = base_dir.joinpath(*parts)
    candidates = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((file.resolve() for file in candidates if file.is_file()), None)


def _run(module_name: str, file: Path, base_dir: Path) -> ModuleType:
    """Run a file as the module it would be, unless a module from elsewhere has that name: then under another."""
    taken = sys.modules.get(module_name)
    foreign = taken is not None and not _lies_in(taken, base_dir)
    name = f"nova_config_{module_name.replace('.', '_')}" if foreign else module_name
    parent = name.rpartition(".")[0]
    if parent:
        importlib.import_module(parent)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} cannot be loaded as a module")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if before is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = before
        raise
    return module


def _lies_in(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(folder.resolve())


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)
