"""The conformance kits that the plugins of this repository run."""

from __future__ import annotations

import importlib
from functools import cache

from nova_core.testing import OperationConformance, ProviderConformance
from nova_core.testing.under_test import ProviderUnderTest
from tests.house.tree import Plugin, plugins


@cache
def kits() -> tuple[type[ProviderConformance], ...]:
    """All of them that are of chat and embeddings, by plugin."""
    return tuple(kit for kit in _all() if issubclass(kit, ProviderConformance))


@cache
def operation_kits() -> tuple[type[OperationConformance], ...]:
    """All of them that are of another operation, by plugin."""
    return tuple(kit for kit in _all() if issubclass(kit, OperationConformance))


def kits_of(plugin: Plugin) -> list[type[ProviderUnderTest]]:
    """The kits in the tests of one plugin."""
    found: dict[tuple[str, str], type[ProviderUnderTest]] = {}
    for file in sorted((plugin.folder / "tests").glob("test_*.py")):
        if "Conformance" not in file.read_text(encoding="utf-8"):
            continue
        # Under the name that pytest gives it, so that its neighbours can be imported.
        module = importlib.import_module(f"plugins.{plugin.name}.tests.{file.stem}")
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, ProviderUnderTest) and each.__name__.startswith("Test"):
                found[each.__module__, each.__name__] = each
    return list(found.values())


@cache
def _all() -> tuple[type[ProviderUnderTest], ...]:
    return tuple(kit for plugin in plugins() for kit in kits_of(plugin))
