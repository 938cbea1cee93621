"""`nova --help` is quick: it reads metadata and imports nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from nova_core._version import __version__

HEAVY = {
    "aiohttp", "fastapi", "msgspec", "pluggy", "pydantic", "rich", "starlette", "uvicorn", "yaml",
    "nova_core.config", "nova_core.gateway", "nova_core.server", "nova_core.wire",
}  # fmt: skip
PROBE = """
import json, sys
from nova_core.cli import main
sys.argv = ["nova", *sys.argv[1:]]
try:
    main()
except SystemExit as exit:
    print(json.dumps({"code": exit.code, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


def imported_by(nova, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], cwd=nova.folder, env=nova.environment, capture_output=True, text=True
    )
    said = json.loads(done.stderr.splitlines()[-1])
    assert said["code"] == 0
    return set(said["modules"])


@pytest.mark.parametrize("words", [("--help",), ("serve", "--help"), ("version",)], ids=" ".join)
def test_help_imports_nothing_heavy_and_no_plugin(nova, words):
    modules = imported_by(nova, *words)
    # The command line library reads values with pydantic where that is installed; help has no values.
    allowed = set() if words == ("--help",) else {"pydantic"}
    assert (HEAVY - allowed) & modules == set()
    assert [name for name in modules if name.startswith("nova_plugin_")] == []


def test_help_names_every_command(nova):
    ran = nova("--help")
    assert ran.code == 0
    for name in ("serve", "chat", "embed", "models", "plugins", "check", "init", "version"):
        assert f"\n  {name} " in ran.out
    assert "\x1b" not in ran.out


def test_every_command_of_a_plugin_is_listed_without_importing_it(nova, site):
    site.add("nova-plugin-tea", {"nova.commands": {"brew": "tea_command:brew"}}, {"tea_command": "raise SystemExit(9)"})
    ran = nova("--help")
    assert ran.code == 0
    assert "brew" in ran.out
    assert "A test plugin" in ran.out


def test_the_version_is_shown(nova):
    assert nova("version").out == nova("--version").out == f"nova-core {__version__}\n"


def test_a_mistyped_command_is_wrong_usage_and_the_right_one_is_named(nova):
    ran = nova("chekc")
    assert ran.code == 2
    assert "'check'" in ran.err
