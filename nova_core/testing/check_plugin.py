"""Looks at a plugin's folder without running its tests: `python -m nova_core.testing.check_plugin DIR`."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint
from inspect import isclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from nova_core._version import __version__
from nova_core.errors import ConfigurationError
from nova_core.plugins.active import activate, check_sections
from nova_core.plugins.discovery import COMMANDS, PLUGINS, PROVIDERS
from nova_core.testing.import_watch import watched_import
from nova_core.wire.provider import DialectProvider

MODELS = "nova.models"
SAFE = ("https://", "http://localhost", "http://127.0.0.1")
Findings = Iterator[str]
EntryPoints = Mapping[str, Mapping[str, str]]


def check_folder(folder: Path) -> list[dict[str, Any]]:
    """What was looked at, in order, each with its problems; after what makes the rest pointless nothing follows."""
    checks: list[tuple[str, Callable[[Path], Findings]]] = [
        ("the project says what it needs and brings", check_project),
        ("importing it does no work", check_imports),
        ("its objects keep the contract", check_objects),
    ]
    found: list[dict[str, Any]] = []
    for said, check in checks:
        problems = list(check(folder))
        found.append({"check": said, "problems": problems})
        if problems:
            break
    return found


def check_project(folder: Path) -> Findings:
    """The name, the range of the core, and the entry points."""
    project = _project(folder)
    if not project.get("name"):
        yield "pyproject.toml has no [project] with a name"
    ranges = [need for text in project.get("dependencies", ()) if (need := _requirement(text)) is not None]
    core = next((need for need in ranges if need.name == "nova-core"), None)
    if core is None:
        yield "it does not depend on nova-core: say which releases it works with"
    elif not core.specifier.contains(__version__, prereleases=True):
        yield f"it is not made for this release of the core: {core}, and this is {__version__}"
    groups = entry_points(folder)
    if not any(groups.values()):
        yield f"it has no entry point in {PROVIDERS}, {PLUGINS} or {COMMANDS}"
    for group in groups.keys() - {PROVIDERS, PLUGINS, COMMANDS, MODELS}:
        yield f"there is no group of entry points {group}"
    for _, name, value in _objects(groups):
        if ":" not in value:
            yield f"the entry point {name} must lead to module:object, not {value}"


def check_imports(folder: Path) -> Findings:
    """Sockets, threads, processes and files that an import opens."""
    modules = {value.partition(":")[0] for _, _, value in _objects(entry_points(folder))}
    packages = {module.split(".")[0] for module in modules}
    try:
        seen = watched_import(*sorted(packages), *sorted(modules), path=str(folder))["seen"]
    except ImportError as error:
        yield str(error).splitlines()[-1]
    else:
        yield from seen


def check_objects(folder: Path) -> Findings:
    """Hooks as the gateway would check them, and what providers declare."""
    sys.path.insert(0, str(folder))
    providers: dict[int, tuple[Any, list[str]]] = {}
    for group, name, value in _objects(entry_points(folder), PROVIDERS, PLUGINS):
        found = EntryPoint(name, value, group).load()
        plugin = found() if isclass(found) else found
        if group == PROVIDERS:
            # Several names of one object are one provider.
            providers.setdefault(id(found), (plugin, []))[1].append(name)
            continue
        yield from _refusal(plugin, name)
    for plugin, names in providers.values():
        yield from _refusal(plugin, names[0], *names)
        if isinstance(plugin, DialectProvider):
            yield from _declaration(plugin, names)


def entry_points(folder: Path) -> EntryPoints:
    """The entry points of the nova groups."""
    groups = _project(folder).get("entry-points", {})
    return {group: dict(entries) for group, entries in groups.items() if group.startswith("nova.")}


def _refusal(plugin: object, name: str, *providers: str) -> Findings:
    try:
        check_sections(activate(plugin, name=name, providers=providers))
    except ConfigurationError as error:
        yield f"{name}: {error.message}"


def _declaration(provider: DialectProvider, names: list[str]) -> Findings:
    """What a provider says of itself."""
    owner = names[0]
    for name in names:
        if name not in provider.providers:
            yield f"{owner}: its `providers` do not name {name}"
    if provider.base_url is not None and not provider.base_url.startswith(SAFE):
        yield f"{owner}: its `base_url` must start with https://, or be of this machine"
    for attribute in ("providers", "api_key_env", "api_base_env"):
        if isinstance(getattr(provider, attribute), str):
            yield f"{owner}: its `{attribute}` must be a tuple of names, not one text"
    own = type(provider)
    if own.url is DialectProvider.url:
        for operation in provider.dialects.keys() - provider.paths.keys():
            yield f"{owner}: it speaks {operation}, and has no path for it"
    if own.native_url is DialectProvider.native_url:
        for dialect in provider.natives.keys() - provider.native_paths.keys():
            yield f"{owner}: it speaks {dialect}, and has no path for it"
    for member in sorted(provider.unsupported & provider.hints):
        yield f"{owner}: {member} is among `unsupported` and `hints`: it is refused, or always left out"


def _objects(groups: EntryPoints, *wanted: str) -> Iterator[tuple[str, str, str]]:
    """Group, name and value of the entry points that lead to objects."""
    for group in wanted or (PROVIDERS, PLUGINS, COMMANDS):
        for name, value in groups.get(group, {}).items():
            yield group, name, value


def _project(folder: Path) -> dict[str, Any]:
    with (folder / "pyproject.toml").open("rb") as file:
        project: dict[str, Any] = tomllib.load(file).get("project", {})
    return project


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


if __name__ == "__main__":
    sys.stdout.write(json.dumps(check_folder(Path(sys.argv[1]).resolve())) + "\n")
