"""What is installed, read from distribution metadata alone: nothing is imported here."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import Distribution, EntryPoint, PackageMetadata

from nova_core._version import __version__

PROVIDERS = "nova.providers"
PLUGINS = "nova.plugins"
COMMANDS = "nova.commands"
MODELS = "nova.models"
GROUPS = (PROVIDERS, PLUGINS, COMMANDS, MODELS)

_OUR_GROUP = re.compile(r"^\s*\[\s*nova\.", re.MULTILINE)
_CORE = re.compile(r"nova[-_.]core(?![\w.-])", re.IGNORECASE)
_NUMBERS = r"\d+(?:\.\d+)*"
_PLAIN = re.compile(rf"nova[-_.]core ?<(?P<below>{_NUMBERS}),>=(?P<least>{_NUMBERS})", re.IGNORECASE)
"""A requirement as build tools write nearly every one down."""


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """One entry point. `value` is `module:attribute`, `core_range` the versions of the core it says it works with.

    `unusable` says why it must not be imported (its range excludes this core), empty when it may be.
    """

    name: str
    group: str
    distribution: str
    version: str
    value: str
    core_range: str = ""
    summary: str = ""
    unusable: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with what is installed: whose, what, and what to do about it."""

    distributions: tuple[str, ...]
    reason: str
    mend: str
    name: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """Everything found, sorted by group, name and distribution; duplicates are all in `plugins`.

    `model_names` are pairs of a pattern (`gpt-*`) and the provider that serves models of such a name where the
    configuration gives none: the group `nova.models`, most specific first.
    """

    plugins: tuple[InstalledPlugin, ...] = ()
    problems: tuple[Problem, ...] = ()
    model_names: tuple[tuple[str, str], ...] = ()

    def owners(self, group: str, name: str) -> tuple[InstalledPlugin, ...]:
        """The entry points of exactly this name: one, none, or (a problem) several."""
        return tuple(plugin for plugin in self.plugins if plugin.group == group and plugin.name == name)

    def names(self, group: str) -> tuple[str, ...]:
        """The names of a group, sorted, each once."""
        return tuple(dict.fromkeys(plugin.name for plugin in self.plugins if plugin.group == group))

    def provider_for(self, model: str) -> str | None:
        """The provider of a model name without a prefix; None when no distribution claims the name."""
        return next((provider for pattern, provider in self.model_names if fnmatchcase(model, pattern)), None)

    @property
    def commands(self) -> tuple[InstalledPlugin, ...]:
        """CLI commands that distributions bring."""
        return tuple(plugin for plugin in self.plugins if plugin.group == COMMANDS)


def discover(distributions: Iterable[Distribution] | None = None) -> Installed:
    """Read the entry points of `distributions`, by default of all that are on `sys.path`.

    A distribution that is listed twice (editable and as a wheel) counts once: the first, which is imported too.
    """
    found: dict[str, list[InstalledPlugin]] = {}
    problems: list[Problem] = []
    for distribution in importlib.metadata.distributions() if distributions is None else distributions:
        text = _entry_points_text(distribution, problems)
        if not _OUR_GROUP.search(text):
            continue
        metadata = distribution.metadata  # parsed anew each time it is asked for
        name = metadata["Name"]
        if name and _canonical(name) not in found:
            requires = metadata.get_all("Requires-Dist") or distribution.requires or ()
            found[_canonical(name)] = _read(metadata, requires, text, problems)
    everything = [plugin for each in found.values() for plugin in each]
    plugins = sorted((plugin for plugin in everything if plugin.group != MODELS), key=_place)
    problems.extend(_duplicates(plugins))
    claims = [(each.name, each.value) for each in everything if each.group == MODELS and not each.unusable]
    claims.sort(key=lambda claim: (-len(claim[0]), claim))
    return Installed(tuple(plugins), tuple(problems), tuple(claims))


def _entry_points_text(distribution: Distribution, problems: list[Problem]) -> str:
    try:
        return distribution.read_text("entry_points.txt") or ""
    except UnicodeDecodeError:
        name = distribution.metadata["Name"] or "a distribution without a name"
        problems.append(Problem((name,), "its entry_points.txt is not UTF-8", f"pip install --force-reinstall {name}"))
        return ""


def _read(
    metadata: PackageMetadata, requires: Iterable[str], text: str, problems: list[Problem]
) -> list[InstalledPlugin]:
    name, version, summary = metadata["Name"], metadata["Version"] or "", metadata["Summary"] or ""
    core_range, unusable = _core_range(tuple(line for line in requires if _CORE.match(line)))
    mend = f"pip install --upgrade {name}" if unusable else ""
    if unusable:
        problems.append(Problem((name,), unusable, mend))
    found = []
    for group, entry, value in _entries(text):
        if group not in GROUPS:
            continue
        if not entry or not EntryPoint.pattern.match(value):
            broken = f"its entry point {entry!r} in {group} is {value!r}, not module:attribute"
            problems.append(Problem((name,), broken, f"pip install --force-reinstall {name}", entry, group))
            continue
        found.append(InstalledPlugin(entry, group, name, version, value, core_range, summary, unusable, mend))
    return found


def _entries(text: str) -> Iterator[tuple[str, str, str]]:
    """(group, name, value) of an entry_points.txt; a line without `=` has an empty value."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif line and line[0] not in "#;":
            name, _, value = line.partition("=")
            yield group, name.strip(), value.strip()


@cache
def _core_range(requires: tuple[str, ...]) -> tuple[str, str]:
    """The stated range, and why this core is outside of it (empty when it is inside, or nothing is stated)."""
    if len(requires) == 1 and (plain := _plain_range(requires[0], __version__)):
        return plain, ""
    from packaging.requirements import InvalidRequirement, Requirement

    stated: list[str] = []
    for line in requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            return line, f"it requires {line!r}, which is not a valid requirement"
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        stated.append(str(requirement.specifier))
        if not requirement.specifier.contains(__version__, prereleases=True):
            return stated[-1], f"it works with nova-core {stated[-1]}, and this is nova-core {__version__}"
    return ",".join(filter(None, stated)), ""


def _plain_range(line: str, version: str) -> str:
    """The range of a plain requirement that holds this version; empty where `packaging` must be asked.

    That takes most of a megabyte, which every gateway would have for good.
    """
    found = _PLAIN.fullmatch(line)
    if found is None or not re.fullmatch(_NUMBERS, version):
        return ""
    below, least = found["below"], found["least"]
    return f"<{below},>={least}" if _release(least) <= _release(version) < _release(below) else ""


def _release(version: str) -> tuple[int, ...]:
    """A version of numbers alone, without the zeros at its end, which mean nothing (PEP 440)."""
    return tuple(map(int, re.sub(r"(\.0+)+$", "", version).split(".")))


def _duplicates(plugins: Iterable[InstalledPlugin]) -> Iterator[Problem]:
    owners: dict[tuple[str, str], list[str]] = {}
    for plugin in plugins:
        owners.setdefault((plugin.group, plugin.name), []).append(plugin.distribution)
    for (group, name), claimed in owners.items():
        if len(claimed) > 1:
            yield duplicate_problem(group, name, tuple(dict.fromkeys(claimed)))


def duplicate_problem(group: str, name: str, distributions: tuple[str, ...]) -> Problem:
    """Two owners of one name."""
    reason = f"{name!r} in {group} is claimed by {' and '.join(distributions)}"
    mend = " or ".join(f"pip uninstall {distribution}" for distribution in distributions)
    return Problem(distributions, reason, mend, name, group)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _place(plugin: InstalledPlugin) -> tuple[str, str, str]:
    return plugin.group, plugin.name, plugin.distribution
