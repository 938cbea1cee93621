"""The documented diff of a new OpenAI-compatible vendor is all that one needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nova_core.types.deployment import Deployment
from nova_plugin_openai_compatible.provider import VendorProvider
from nova_plugin_openai_compatible.row import Vendor
from nova_plugin_openai_compatible.vendors import VENDORS
from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "models-and-providers.md"


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


def test_the_lines_around_the_diff_are_those_of_the_files(added):
    text = PAGE.read_text(encoding="utf-8")
    (diff,) = re.findall(r"```diff\n(.*?)```", text, re.DOTALL)
    around = {line[1:].strip() for line in diff.splitlines() if line.startswith(" ")}
    held = "".join(path.read_text(encoding="utf-8") for path in added)
    assert {line for line in around if line not in held} == set()
