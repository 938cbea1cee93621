"""Loads the plugins that the configuration names: imports, checks, and reports what is broken by name."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nova_core.plugins.active import ActivePlugin, Kind, PluginRefusedError, activate, check_sections, new_manager
from nova_core.plugins.discovery import PLUGINS, PROVIDERS, Installed, InstalledPlugin, duplicate_problem
from nova_core.plugins.loaded import BrokenPlugin, Loaded, Named, install_mend
from nova_core.plugins.objects import LoadError, Objects

__all__ = ["BrokenPlugin", "Loaded", "Named", "load_plugins"]

_Key = tuple[str, str]


@dataclass(slots=True)
class _Draft:
    """A plugin object on its way to being active; `names` are all that lead to it."""

    plugin: object
    name: str
    order: int
    source: InstalledPlugin | None
    named: list[Named] = field(default_factory=list)
    requires: tuple[_Key, ...] = ()

    def providers(self) -> tuple[str, ...]:
        return tuple(named.name for named in self.named if named.kind == "provider")


def load_plugins(
    installed: Installed, named: Sequence[Named], *, auto: bool = False, base_dir: Path | None = None
) -> Loaded:
    """Import and check what is `named` (with `auto`, all that is installed), and what those require.

    The order of `named` is the order of the configuration. `base_dir` is the configuration's folder, where dotted
    callback paths are looked for first. Never raises for a plugin's fault: see `Loaded.broken`.
    """
    loader = _Loader(installed, base_dir)
    for place, each in enumerate(named):
        loader.name(each, order=place)
    if auto:
        for kind, group in _AUTO:
            for name in installed.names(group):
                loader.name(Named(name, kind, "plugins: auto"), order=len(named))
    loader.name_required(order=len(named))
    return loader.finish()


_AUTO: tuple[tuple[Kind, str], ...] = (("provider", PROVIDERS), ("plugin", PLUGINS))


class _Loader:
    def __init__(self, installed: Installed, base_dir: Path | None) -> None:
        self._installed = installed
        self._objects = Objects(base_dir)
        self._drafts: dict[int, _Draft] = {}
        self._by_key: dict[_Key, _Draft | None] = {}
        self._unread: deque[_Draft] = deque()
        self._broken: list[BrokenPlugin] = []

    def name(self, named: Named, *, order: int) -> None:
        """Find and import one named plugin; the first naming of a name counts."""
        key = _key(named)
        if key in self._by_key:
            return
        self._by_key[key] = None
        owners = self._installed.owners(*key)
        if len(owners) > 1:
            self._report_duplicate(named, owners)
            return
        source = owners[0] if owners else None
        plugin = self._object(named, source)
        if plugin is not None:
            self._by_key[key] = self._draft(plugin, named, source, order)

    def name_required(self, *, order: int) -> None:
        """Load what the plugins so far require, and what those require."""
        while self._unread:
            draft = self._unread.popleft()
            try:
                wanted = self._objects.requirements(draft.plugin)
            except LoadError as error:
                self._reject(draft, str(error))
                continue
            required = [self._required(name, draft) for name in wanted]
            draft.requires = tuple(_key(named) for named in required)
            for named in required:
                self.name(named, order=order)

    def finish(self) -> Loaded:
        """Check everything against the contract; what requires something broken is broken too."""
        manager = new_manager()
        active: dict[int, ActivePlugin] = {}
        for identity, draft in list(self._drafts.items()):
            try:
                plugin = activate(draft.plugin, name=draft.name, providers=draft.providers(), manager=manager)
                check_sections(plugin)
            except PluginRefusedError as error:
                self._reject(draft, error.message)
            except Exception as error:
                self._reject(draft, f"it cannot be registered: {type(error).__name__}: {error}")
            else:
                active[identity] = _completed(plugin, draft)
        self._drop_unsatisfied()
        kept = tuple(plugin for identity, plugin in active.items() if identity in self._drafts)
        return Loaded(kept, tuple(self._broken))

    def _object(self, named: Named, source: InstalledPlugin | None) -> object | None:
        try:
            if source is None:
                return self._outside(named)
            if source.unusable:
                self._report(named, source.unusable, source.mend, source)
                return None
            return self._objects.of_entry_point(source)
        except LoadError as error:
            mend = install_mend(named.name, named.kind) if error.missing else _mend(source, named)
            self._report(named, str(error), mend, source, missing=error.missing)
            return None

    def _outside(self, named: Named) -> object:
        if named.kind == "provider" or "." not in named.name:
            near = difflib.get_close_matches(named.name, self._installed.names(_key(named)[0]), n=1, cutoff=0.75)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise LoadError(f"no plugin of this name is installed{hint}", missing=True)
        return self._objects.of_path(named.name)

    def _draft(self, plugin: object, named: Named, source: InstalledPlugin | None, order: int) -> _Draft:
        draft = self._drafts.get(id(plugin))
        if draft is None:
            taken = any(other.name == named.name for other in self._drafts.values())
            name = f"{named.name}-{named.kind}" if taken else named.name
            draft = _Draft(plugin, name, order, source)
            self._drafts[id(plugin)] = draft
            self._unread.append(draft)
        draft.named.append(named)
        return draft

    def _required(self, name: str, by: _Draft) -> Named:
        installed_as_provider = self._installed.owners(PROVIDERS, name) and not self._installed.owners(PLUGINS, name)
        return Named(name, "provider" if installed_as_provider else "plugin", f"required by {by.name}")

    def _drop_unsatisfied(self) -> None:
        while True:
            lacking = [(draft, key) for draft in self._drafts.values() for key in draft.requires if self._lacks(key)]
            if not lacking:
                return
            for draft, (_, name) in lacking:
                if id(draft.plugin) in self._drafts:
                    self._reject(draft, f"it requires {name!r}, which is not usable", f"mend {name!r} first")

    def _lacks(self, key: _Key) -> bool:
        draft = self._by_key.get(key)
        return draft is None or id(draft.plugin) not in self._drafts

    def _reject(self, draft: _Draft, reason: str, mend: str = "") -> None:
        del self._drafts[id(draft.plugin)]
        for named in draft.named:
            self._report(named, reason, mend or _mend(draft.source, named), draft.source)

    def _report_duplicate(self, named: Named, owners: tuple[InstalledPlugin, ...]) -> None:
        distributions = tuple(dict.fromkeys(owner.distribution for owner in owners))
        problem = duplicate_problem(owners[0].group, named.name, distributions)
        owned = " and ".join(distributions)
        self._broken.append(
            BrokenPlugin(named.name, named.kind, owned, problem.reason, problem.mend, named.why, fatal=True)
        )

    def _report(
        self, named: Named, reason: str, mend: str, source: InstalledPlugin | None, *, missing: bool = False
    ) -> None:
        distribution = source.distribution if source else ""
        version = source.version if source else ""
        self._broken.append(
            BrokenPlugin(named.name, named.kind, distribution, reason, mend, named.why, version, missing)
        )


def _key(named: Named) -> _Key:
    return (PROVIDERS if named.kind == "provider" else PLUGINS), named.name


def _completed(plugin: ActivePlugin, draft: _Draft) -> ActivePlugin:
    return replace(
        plugin,
        kind="provider" if plugin.names else draft.named[0].kind,
        known_as=tuple(named.name for named in draft.named if named.kind != "provider"),
        distribution=draft.source.distribution if draft.source else "",
        version=draft.source.version if draft.source else "",
        order=draft.order,
    )


def _mend(source: InstalledPlugin | None, named: Named) -> str:
    if source is None:
        return f"change {named.name.rpartition('.')[0]} (hooks are methods marked with nova_core.hookimpl)"
    return f"pip install --upgrade {source.distribution}, or tell its authors"
