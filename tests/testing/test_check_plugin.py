"""What can be seen of a plugin without running its tests: nothing is wrong with those of this repository."""

from __future__ import annotations

import pytest

from nova_core.testing.check_plugin import check_objects, check_project
from tests.house.tree import ROOT, plugins

FOLDERS = [ROOT / "examples" / "hello-plugin", *(plugin.folder for plugin in plugins())]
DECLARED = {
    'base_url = "http://api.acme.example"': "its `base_url` must start with https://",
    'providers = "acme"': "its `providers` must be a tuple of names",
    'providers = ("emca",)': "its `providers` do not name acme",
    'unsupported = hints = frozenset({"store"})': "store is among `unsupported` and `hints`",
    "paths = {}": "it speaks chat, and has no path for it",
}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_plugins_of_this_repository_declare_what_is_so(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    assert [*check_project(folder), *check_objects(folder)] == []


@pytest.mark.parametrize(("line", "said"), DECLARED.items(), ids=[line.partition(" ")[0] for line in DECLARED])
def test_what_a_provider_says_wrong_of_itself_is_told(tmp_path, monkeypatch, line, said):
    module = f"declares_{abs(hash(line))}"
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\nname = "n"\n[project.entry-points."nova.providers"]\nacme = "{module}:Acme"\n'
    )
    (tmp_path / f"{module}.py").write_text(
        "from nova_core import OpenAICompatible\n\n\nclass Acme(OpenAICompatible):\n"
        f'    providers = ("acme",)\n    base_url = "https://api.acme.example"\n    {line}\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert [problem for problem in check_objects(tmp_path) if said in problem]
