"""Real small distributions on disk, installed by putting their folder on `sys.path`."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path

import pytest

from nova_core.plugins.discovery import Installed, discover


class Site:
    """A folder like site-packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(exist_ok=True)

    def add(
        self,
        distribution: str,
        entry_points: Mapping[str, Mapping[str, str]] | str,
        modules: Mapping[str, str] | None = None,
        *,
        version: str = "1.2.3",
        requires: Sequence[str] = ("nova-core>=0.1,<0.2",),
    ) -> None:
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}", "Summary: A test plugin"]
        lines += [f"Requires-Dist: {each}" for each in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        if not isinstance(entry_points, str):
            groups = [
                f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in entries.items())
                for group, entries in entry_points.items()
            ]
            entry_points = "\n\n".join(groups)
        (info / "entry_points.txt").write_text(entry_points)
        for name, source in (modules or {}).items():
            (self.folder / f"{name}.py").write_text(textwrap.dedent(source))
        importlib.invalidate_caches()

    def discover(self) -> Installed:
        """What this folder holds, apart from what the machine has installed."""
        return discover(distributions(path=[str(self.folder)]))

    def imported(self) -> set[str]:
        """The modules of this folder that have been imported."""
        return {path.stem for path in self.folder.glob("*.py")} & set(sys.modules)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield Site(tmp_path / "site")
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
