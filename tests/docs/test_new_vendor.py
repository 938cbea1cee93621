"""The documented diff of a new OpenAI-compatible vendor is all that one needs."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import openai
import pytest

from nova_core.types.deployment import Deployment
from nova_plugin_openai_compatible.provider import VendorProvider
from nova_plugin_openai_compatible.row import Vendor
from nova_plugin_openai_compatible.vendors import VENDORS
from tests.house.tree import ROOT
from tests.plugins.conftest import Site

PAGE = ROOT / "docs" / "adding-a-vendor.md"


@pytest.fixture
def added() -> dict[Path, list[str]]:
    """The lines that the page's diff adds, by file."""
    (diff,) = re.findall(r"```diff\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    files: dict[Path, list[str]] = {}
    for line in diff.splitlines():
        if line.startswith("+++ "):
            files[ROOT / line.removeprefix("+++ ")] = lines = []
        elif line.startswith("+"):
            lines.append(line.removeprefix("+").strip())
    return files


def test_the_diff_is_one_row_and_one_entry_point(added):
    table, pyproject = added
    assert table.is_file()
    assert pyproject.name == "pyproject.toml"
    assert [len(lines) for lines in added.values()] == [1, 1]


def test_the_row_makes_a_provider(added):
    (row,), (entry,) = added.values()
    vendor = eval(row.removesuffix(","), {"Vendor": Vendor})
    assert entry == f'{vendor.name} = "nova_plugin_openai_compatible:{vendor.name}"'
    assert vendor.name not in {known.name for known in VENDORS}
    provider = VendorProvider(vendor)
    deployment = provider.complete(Deployment("i", "g", vendor.name, "m"), {"ACME_API_KEY": "k-123456"})
    assert provider.url(deployment, "chat") == "https://api.acme.example/v1/chat/completions"
    assert deployment.api_key is not None


@pytest.fixture
def site(added, tmp_path) -> Path:
    """A folder of its own on the path, with the distribution as the diff makes it."""
    table, pyproject = added
    package = tmp_path / "site" / table.parents[1].name
    shutil.copytree(table.parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    (row,), (entry,) = added.values()
    applied = table.read_text(encoding="utf-8").replace(
        '    Vendor("abliteration"', f'    {row}\n    Vendor("abliteration"'
    )
    (package / table.parent.name / table.name).write_text(applied, encoding="utf-8")
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    name, _, value = entry.partition(" = ")
    providers = {**project["entry-points"]["nova.providers"], name: value.strip('"')}
    Site(tmp_path / "site").add(project["name"], {"nova.providers": providers})
    return tmp_path / "site"


def test_a_vendor_that_the_diff_has_added_is_called_end_to_end(server, threaded_upstream, site):
    threaded_upstream.script("anvil", "A row is enough.")
    config = "model_list:\n  - model_name: chat\n    params: {model: acme/anvil}\n"
    environ = {"PYTHONPATH": str(site), "ACME_API_KEY": "k-123456", "ACME_API_BASE": f"{threaded_upstream.url}/v1"}
    nova = server(config, env=environ)
    client = openai.OpenAI(base_url=f"{nova.base_url}/v1", api_key="none", max_retries=0)
    reply = client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "Enough?"}])
    assert reply.choices[0].message.content == "A row is enough."
    assert threaded_upstream.last.header("authorization") == "Bearer k-123456"
    assert threaded_upstream.last.path == "/v1/chat/completions"


def test_the_lines_around_the_diff_are_those_of_the_files(added):
    text = PAGE.read_text(encoding="utf-8")
    (diff,) = re.findall(r"```diff\n(.*?)```", text, re.DOTALL)
    around = {line[1:].strip() for line in diff.splitlines() if line.startswith(" ")}
    held = "".join(path.read_text(encoding="utf-8") for path in added)
    assert {line for line in around if line not in held} == set()
