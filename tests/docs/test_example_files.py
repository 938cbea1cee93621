"""The files in `examples/` work: configurations are without problems, scripts and the plugin run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nova_core.gateway.check import check_file
from tests.docs.pages import ROOT
from tests.docs.running import ENVIRONMENT, environment, expect_lines

EXAMPLES = ROOT / "examples"
CONFIGS = sorted(EXAMPLES.glob("*.yaml"))
SECONDS = 60


def said_by(command: list[str], folder: Path = ROOT, **env: str) -> str:
    """What a command that must succeed writes."""
    ran = subprocess.run(
        command, cwd=folder, env={**environment(), **env}, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_the_configuration_has_no_problem(config: Path) -> None:
    problems = check_file(config, environ={**os.environ, **ENVIRONMENT})
    assert [problem.render() for problem in problems if problem.severity != "info"] == []


def test_the_openai_client_talks_to_the_quickstart(serving: Callable[[str], str]) -> None:
    said = said_by([sys.executable, "examples/openai_client.py", serving("examples/quickstart.yaml")])
    expect_lines(
        ["models: …local-chat…", "chat: …", "usage: … in, … out", "stream: …", "task code: served by …"], said, "it"
    )


def test_the_anthropic_client_talks_to_the_quickstart(serving: Callable[[str], str]) -> None:
    said = said_by([sys.executable, "examples/anthropic_client.py", serving("examples/quickstart.yaml")])
    expect_lines(["message: …", "usage: … in, … out", "stream: …", "counted: …"], said, "it")


def test_the_library_example_falls_back_streams_and_refuses() -> None:
    said = said_by([sys.executable, "examples/library.py"])
    promised = [
        "answered by echo-1 after 1 fallback:",
        "Is anybody there?",
        "streamed: ['word ', 'by ', 'word', …]",
        "refused: 404 model_not_found",
    ]
    expect_lines(promised, said, "it")


def test_the_example_plugin_is_found_once_it_is_installed_and_passes_its_own_tests(tmp_path: Path) -> None:
    plugin = EXAMPLES / "hello-plugin"
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    said_by([*pip, "--disable-pip-version-check", "--target", str(site), str(plugin)])
    listed = said_by(["nova", "plugins"], tmp_path, PYTHONPATH=str(site))
    expect_lines(["installed nova-plugin-hello 0.1.0 provider acme; plugin house-style"], listed, "nova plugins")
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(plugin / "pyproject.toml")]
    as_installed = {"PYTHONPATH": str(site), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "", "PYTEST_ADDOPTS": ""}
    said = said_by([*pytest_here, str(plugin / "tests")], tmp_path, **as_installed)
    assert " passed" in said
