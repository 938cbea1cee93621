"""The conformance kits that the plugins of this repository run."""

from __future__ import annotations

import importlib
from functools import cache

from nova_core.testing import ProviderConformance
from tests.house.tree import Plugin, plugins


@cache
def kits() -> tuple[type[ProviderConformance], ...]:
    """All of them, by plugin."""
    return tuple(kit for plugin in plugins() for kit in kits_of(plugin))


def kits_of(plugin: Plugin) -> list[type[ProviderConformance]]:
    """The kits in the tests of one plugin."""
    found: dict[str, type[ProviderConformance]] = {}
    for file in sorted((plugin.folder / "tests").glob("test_*.py")):
        if "Conformance" not in file.read_text(encoding="utf-8"):
            continue
        # Under the name that pytest gives it, so that its neighbours can be imported.
        module = importlib.import_module(f"plugins.{plugin.name}.tests.{file.stem}")
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, ProviderConformance) and hasattr(each, "provider"):
                found[each.__name__] = each
    return list(found.values())
