"""Importing does no work, stays light, and goes only where it may."""

from __future__ import annotations

from nova_core.testing.import_watch import watched_import
from tests.house.tree import CORE, ROOT, core_files, imported_names, place, plugin_files, plugins

HEAVY = {
    "aiohttp", "anthropic", "bpe_openai", "fastapi", "httpx", "openai", "prometheus_client",
    "pydantic", "rich", "starlette", "typer", "uvicorn", "uvloop", "yaml",
}  # fmt: skip


def module_name(path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_importing_the_core_loads_nothing_heavy_and_no_plugin():
    loaded = {name.split(".")[0] for name in watched_import("nova_core")["modules"]}
    assert HEAVY & loaded == set()
    assert [name for name in loaded if name.startswith("nova_plugin_")] == []


def test_importing_any_module_of_the_core_opens_no_socket_starts_no_thread_and_reads_no_entry_point():
    runnable = {"__main__.py"}  # runs the command line when imported: that is what it is for
    shipped_for_pytest = CORE / "testing"
    modules = [
        module_name(path)
        for path in core_files()
        if path.name not in runnable and shipped_for_pytest not in path.parents
    ]
    did = watched_import(*modules)
    assert did["seen"] == []
    assert [name for name in did["modules"] if name.startswith("nova_plugin_")] == []


def test_nothing_in_the_core_or_a_plugin_imports_the_testing_package():
    outside = [path for path in core_files() if CORE / "testing" not in path.parents]
    importers = [
        place(path, node)
        for path in [*outside, *plugin_files()]
        for node, name in imported_names(path)
        if name == "nova_core.testing" or name.startswith("nova_core.testing.")
    ]
    assert importers == []


PUBLIC_MODULES = {"errors", "hookspecs", "types", "wire", "stores"}


def is_public(name: str) -> bool:
    """Names of `nova_core` itself, and what lies in its public modules; nothing with a leading underscore."""
    parts = name.split(".")[1:]
    if any(part.startswith("_") for part in parts):
        return False
    if not parts or parts[0] in PUBLIC_MODULES:
        return True
    return len(parts) == 1 and not (CORE / parts[0]).is_dir() and not (CORE / f"{parts[0]}.py").is_file()


def test_plugins_import_only_public_names_of_the_core():
    private = [
        f"{place(path, node)} {name}"
        for path in plugin_files()
        for node, name in imported_names(path)
        if name.split(".")[0] == "nova_core" and not is_public(name)
    ]
    assert private == []


def test_plugins_never_import_each_other():
    packages = {plugin.package.name: plugin for plugin in plugins()}
    crossings = [
        f"{place(path, node)} {name}"
        for path in plugin_files()
        for node, name in imported_names(path)
        if name.split(".")[0] in packages and packages[name.split(".")[0]].folder not in path.parents
    ]
    assert crossings == []


def test_the_core_imports_no_plugin():
    importers = [
        place(path, node)
        for path in core_files()
        for node, name in imported_names(path)
        if name.startswith("nova_plugin_")
    ]
    assert importers == []
