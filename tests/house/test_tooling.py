"""The repository's own tooling keeps its promises."""

from __future__ import annotations

import configparser
import os
import re
import tomllib

from tests.house.tree import ROOT

LAYERS = ["cli", "server", "gateway", "plugins", "config | stores", "wire", "hookspecs", "types", "errors"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_tox_is_short_and_has_every_environment():
    text = (ROOT / "tox.ini").read_text(encoding="utf-8")
    tox = configparser.ConfigParser(interpolation=None)
    tox.read_string(text)
    environments = {name.strip() for name in tox["tox"]["env_list"].split(",")}
    assert len(text.splitlines()) < 60
    assert environments == {"py311", "py312", "py313", "lint", "type", "layers", "docs", "dists", "clients"}


def test_the_makefile_has_every_target():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"setup", "serve", "test", "check", "format", "docs", "bench", "dists", "clean"} <= targets


def test_the_layers_are_those_of_the_architecture_without_an_exception():
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["type"] == "layers")
    assert [layer for layer in layers["layers"] if layer not in {"testing", "_version"}] == LAYERS
    assert layers["layers"][0] == "testing"
    assert not [key for contract in contracts for key in contract if "ignore" in key]


def test_the_core_names_no_plugin_as_its_own():
    entry_points = PYPROJECT["project"]["entry-points"]
    assert not {"nova.providers", "nova.plugins", "nova.commands"} & set(entry_points)


def test_scripts_are_executable():
    scripts = [ROOT / ".ci/run", *(ROOT / "scripts").glob("*.sh")]
    assert [path.name for path in scripts if not os.access(path, os.X_OK)] == []


def test_no_lock_file_names_a_package_index():
    assert not [path for path in (ROOT / "requirements.txt", ROOT / "poetry.lock") if path.exists()]
    assert "uv.lock" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
