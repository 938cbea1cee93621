"""Every plugin is laid out alike: flat, small, versioned with the core."""

from __future__ import annotations

import importlib
from inspect import iscoroutinefunction

import pytest

from nova_core.testing import OperationConformance
from tests.docs.matrix import served_operations
from tests.house.kits import kits_of
from tests.house.tree import ROOT, plugins

PYPROJECT_LINES = 25
ONE_LINE_A_VENDOR = {"nova-plugin-openai-compatible"}
GROUPS = ("nova.providers", "nova.plugins", "nova.commands")

each_plugin = pytest.mark.parametrize("plugin", plugins(), ids=lambda plugin: plugin.name)


def test_there_are_plugins():
    assert len(plugins()) >= 9


@each_plugin
def test_its_pyproject_is_short(plugin):
    lines = (plugin.folder / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= PYPROJECT_LINES or plugin.name in ONE_LINE_A_VENDOR


@each_plugin
def test_it_configures_no_tool_and_takes_its_version_from_the_core(plugin):
    assert plugin.description["tool"] == {"hatch": {"version": {"path": "../../nova_core/_version.py"}}}
    assert plugin.description["project"]["dynamic"] == ["version"]
    assert "version" not in plugin.description["project"]


@each_plugin
def test_it_states_the_range_of_the_core_that_it_works_with(plugin):
    stated = [text for text in plugin.description["project"]["dependencies"] if text.startswith("nova-core")]
    assert stated == ["nova-core>=0.1,<0.2"]


@each_plugin
def test_its_layout_is_flat_with_tests_inside(plugin):
    assert plugin.description["project"]["name"] == plugin.name
    assert (plugin.package / "__init__.py").is_file()
    assert not (plugin.folder / "src").exists()
    assert list((plugin.folder / "tests").glob("test_*.py"))
    strange = {"setup.py", "setup.cfg", "tox.ini", "pytest.ini", "mypy.ini", "ruff.toml", ".ruff.toml"}
    assert strange & {path.name for path in plugin.folder.iterdir()} == set()


@each_plugin
def test_every_entry_point_leads_to_an_object(plugin):
    targets = [target for group in GROUPS for target in plugin.entry_points(group).values()]
    assert targets
    for target in targets:
        module, _, attribute = target.partition(":")
        assert module.split(".")[0] == plugin.package.name
        assert getattr(importlib.import_module(module), attribute, None) is not None, target


@pytest.mark.parametrize(
    "plugin", [each for each in plugins() if each.entry_points("nova.providers")], ids=lambda plugin: plugin.name
)
def test_a_provider_runs_the_conformance_kit_for_every_family_that_it_serves(plugin):
    served = plugin.entry_points("nova.providers")
    tested = {kit.provider for kit in kits_of(plugin)}
    assert tested
    assert tested <= set(served)
    objects = {value for name, value in served.items() if name in tested}
    assert set(served.values()) == objects or plugin.name in ONE_LINE_A_VENDOR


@pytest.mark.parametrize(
    "plugin", [each for each in plugins() if each.entry_points("nova.providers")], ids=lambda plugin: plugin.name
)
def test_a_provider_runs_the_conformance_kit_of_every_operation_beside_chat(plugin):
    own = plugin.entry_points("nova.providers")
    served = {
        operation
        for provider, operation, deployment in served_operations()
        if deployment.provider in own and not iscoroutinefunction(provider.provider_call)
    }
    tested = {kit.operation for kit in kits_of(plugin) if issubclass(kit, OperationConformance)}
    assert served <= tested


def test_every_folder_under_plugins_is_a_distribution():
    folders = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {plugin.name for plugin in plugins()}
