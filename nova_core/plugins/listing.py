"""What `nova plugins` lists: installed, active and broken plugins by distribution."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from nova_core.plugins.active import ActivePlugin
from nova_core.plugins.discovery import COMMANDS, PLUGINS, PROVIDERS, Installed, InstalledPlugin
from nova_core.plugins.loaded import Loaded

State = Literal["active", "installed", "broken", "missing"]

_STATES: tuple[State, ...] = ("broken", "missing", "active", "installed")


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One distribution in one state, with the names it is about.

    `reason` and `mend` are filled for broken and missing ones; `distribution` is empty for a missing one and for
    a callback beside the configuration. `commands` are CLI commands, which have no state of their own.
    """

    state: State
    distribution: str
    version: str
    providers: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    summary: str = ""
    reason: str = ""
    mend: str = ""


def list_plugins(installed: Installed, loaded: Loaded | None = None) -> list[PluginRow]:
    """Rows to show, what needs attention first. Without `loaded` nothing is active (no configuration)."""
    loaded = loaded or Loaded()
    rows = [*_broken_rows(loaded), *_unusable_rows(installed, loaded), *_active_rows(loaded)]
    rows.extend(_installed_rows(installed, loaded))
    return sorted(rows, key=lambda row: (_STATES.index(row.state), row.distribution, row.providers, row.plugins))


def _broken_rows(loaded: Loaded) -> Iterator[PluginRow]:
    for broken in loaded.broken:
        names = (broken.name,)
        yield PluginRow(
            state="missing" if broken.missing else "broken",
            distribution=broken.distribution,
            version=broken.version,
            providers=names if broken.kind == "provider" else (),
            plugins=names if broken.kind != "provider" else (),
            reason=broken.reason,
            mend=broken.mend,
        )


def _unusable_rows(installed: Installed, loaded: Loaded) -> Iterator[PluginRow]:
    """Problems of what is installed, named or not; those that a named plugin reports already are left out."""
    told = {broken.reason for broken in loaded.broken}
    for problem in installed.problems:
        if problem.reason in told:
            continue
        owners = [plugin for plugin in installed.plugins if plugin.distribution in problem.distributions]
        concerned = [plugin for plugin in owners if problem.name in ("", plugin.name)]
        yield PluginRow(
            state="broken",
            distribution=" and ".join(problem.distributions),
            version=" and ".join(dict.fromkeys(plugin.version for plugin in concerned)),
            providers=_names(concerned, PROVIDERS),
            plugins=_names(concerned, PLUGINS),
            commands=_names(concerned, COMMANDS),
            reason=problem.reason,
            mend=problem.mend,
        )


def _active_rows(loaded: Loaded) -> Iterator[PluginRow]:
    by_distribution: dict[tuple[str, str], list[ActivePlugin]] = {}
    for plugin in loaded.active:
        by_distribution.setdefault((plugin.distribution, plugin.version), []).append(plugin)
    for (distribution, version), plugins in by_distribution.items():
        providers = tuple(sorted(name for plugin in plugins for name in plugin.names))
        others = tuple(sorted(name for plugin in plugins for name in plugin.known_as))
        yield PluginRow("active", distribution, version, providers, others)


def _installed_rows(installed: Installed, loaded: Loaded) -> Iterator[PluginRow]:
    """What is neither active nor broken; CLI commands are always listed here."""
    used = {(PROVIDERS, name) for plugin in loaded.active for name in plugin.names}
    used |= {(PLUGINS, name) for plugin in loaded.active for name in plugin.known_as}
    used |= {(PROVIDERS if each.kind == "provider" else PLUGINS, each.name) for each in loaded.broken}
    used |= {(problem.group, problem.name) for problem in installed.problems}
    by_distribution: dict[str, list[InstalledPlugin]] = {}
    for plugin in installed.plugins:
        if (plugin.group, plugin.name) not in used and not plugin.unusable:
            by_distribution.setdefault(plugin.distribution, []).append(plugin)
    for distribution, plugins in by_distribution.items():
        yield PluginRow(
            state="installed",
            distribution=distribution,
            version=plugins[0].version,
            providers=_names(plugins, PROVIDERS),
            plugins=_names(plugins, PLUGINS),
            commands=_names(plugins, COMMANDS),
            summary=plugins[0].summary,
        )


def _names(plugins: Iterable[InstalledPlugin], group: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plugin.name for plugin in plugins if plugin.group == group))
