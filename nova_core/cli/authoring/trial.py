"""Tests a plugin's folder in interpreters of its own, so that nothing of it is imported here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nova_core.cli.authoring.verdict import Verdict
from nova_core.cli.failures import CommandError

FIXED = (
    *("-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", "-p", "nova_core.testing.report"),
    *("-o", "addopts=", "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"),
    "--import-mode=importlib",  # tests may import each other as `.name`; as `name`, too, which is on the path
)


def tried(place: Path, arguments: Sequence[str]) -> Verdict:
    """The verdict on the plugin in `place`; `arguments` are for pytest. Raises CommandError when it cannot be tried."""
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        environ = _environment(place, scratch)
        checks = _checks(place, environ)
        if any(check["problems"] for check in checks):
            return Verdict(checks, [])
        _seem_installed(place, scratch)
        return Verdict(checks, _tests(place, environ, scratch / "report.jsonl", arguments))


def _checks(place: Path, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """What is to be seen without running its tests."""
    command = [sys.executable, "-m", "nova_core.testing.check_plugin", str(place)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    if ran.returncode != 0:
        raise CommandError(f"it cannot be looked at: {(ran.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    found: list[dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    return found


def _tests(place: Path, environ: Mapping[str, str], report: Path, arguments: Sequence[str]) -> list[dict[str, str]]:
    """What each of its tests came to."""
    command = [sys.executable, "-m", "pytest", *FIXED, "--nova-report", str(report), *arguments]
    ran = subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, check=False)
    if not report.exists():
        said = (ran.stdout + ran.stderr).strip()
        raise CommandError(f"its tests did not run:\n{said}", hint="they belong into tests/test_….py")
    return [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]


def _environment(place: Path, scratch: Path) -> dict[str, str]:
    """This environment, with the plugin first on the path, and its tests last."""
    source = place / "src"
    own = source if source.is_dir() else place
    folders = [str(scratch), str(own), os.environ.get("PYTHONPATH", ""), str(place / "tests")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders)), "PYTHONDONTWRITEBYTECODE": "1"}


def _seem_installed(place: Path, scratch: Path) -> None:
    """Write what an installation would, so that configurations find the plugin by its name."""
    project = tomllib.loads((place / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project.get("version", "0")
    info = scratch / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    needs = [f"Requires-Dist: {need}" for need in project.get("dependencies", ())]
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *needs]))
    groups = project.get("entry-points", {}).items()
    lines = [line for group, entries in groups for line in (f"[{group}]", *map(" = ".join, entries.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines))
