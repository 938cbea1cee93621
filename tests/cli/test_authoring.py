"""`nova plugin new` and `nova plugin test`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nova_core.cli.authoring.template import Beside
from tests.house.tree import ROOT

KINDS = {
    "openai": ("acme", "--wire", "openai"),
    "more": ("acme-more", *(word for each in Beside for word in ("--operation", each))),
    "own": ("big-cloud_ai", "--wire", "own"),
    "router": ("my-router", "--kind", "router"),
    "guardrail": ("nova-plugin-rail", "--kind", "guardrail"),
}


def changed(folder: Path, name: str, old: str, new: str) -> None:
    file = folder / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("words", KINDS.values(), ids=KINDS)
def test_a_new_plugin_passes_at_once_and_is_tidy(nova, words):
    made = nova("plugin", "new", *words)
    assert made.code == 0, made.err
    (folder,) = nova.folder.iterdir()
    assert {"pyproject.toml", "README.md", "tests"} < {path.name for path in folder.iterdir()}
    if "own" not in words:  # that one passes in the tutorial of the documentation
        few = ("--", "-k", "words or shape") if "--operation" in words else ()
        ran = nova("plugin", "test", folder.name, *few)
        assert ran.code == 0, ran.out
        assert ran.out.splitlines()[-1].startswith("passed: ")
        provides = "provider" in (folder / "pyproject.toml").read_text() and not few
        assert ("no parameter is lost in silence" in ran.out) == provides
    for check in (("check",), ("format", "--check")):
        ruff = [sys.executable, "-m", "ruff", *check, "--config", str(ROOT / "pyproject.toml"), str(folder)]
        tidy = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert tidy.returncode == 0, tidy.stdout


@pytest.mark.parametrize("name", ["Acme", "2fast", "a b", "../up", "class", "nova-plugin-", "a" * 41, "-x"])
def test_what_is_no_name_is_refused(nova, name):
    ran = nova("plugin", "new", "--", name)
    assert ran.code == 2
    assert "cannot be the name of a plugin" in ran.err
    assert list(nova.folder.iterdir()) == []


def test_a_wire_format_that_nobody_knows_is_refused(nova):
    ran = nova("plugin", "new", "acme", "--wire", "o")
    assert ran.code == 2
    assert "--wire openai_chat or --wire own" in ran.err


def test_what_a_kind_has_not_is_refused(nova):
    ran = nova("plugin", "new", "acme", "--kind", "router", "--wire", "own")
    assert (ran.code, list(nova.folder.iterdir())) == (2, [])
    assert "--wire is for providers" in ran.err


def test_operations_are_for_providers_that_speak_the_api_they_are_of(nova):
    for words in (("--wire", "own"), ("--kind", "router")):
        ran = nova("plugin", "new", "acme", "--operation", "speech", *words)
        assert (ran.code, list(nova.folder.iterdir())) == (2, [])


def test_nothing_is_overwritten_and_no_name_taken(nova):
    (nova.folder / "nova-plugin-acme").mkdir()
    assert nova("plugin", "new", "acme").code == 1
    assert list((nova.folder / "nova-plugin-acme").iterdir()) == []
    taken = nova("plugin", "new", "openai")
    assert taken.code == 1
    assert "served by nova-plugin-openai already" in taken.err


def test_a_parameter_that_is_left_out_in_silence_fails_by_name(nova):
    nova("plugin", "new", "acme", "--wire", "own")
    renderer = "nova_plugin_acme/request.py"
    changed(nova.folder / "nova-plugin-acme", renderer, '{*SAME, "stop",', '{*SAME, "top_p", "stop",')
    ran = nova("plugin", "test", "nova-plugin-acme", "--json", "--", "-k", "silence")
    assert ran.code == 1
    (failed,) = (test for test in json.loads(ran.out)["tests"] if test["outcome"] == "failed")
    assert (failed["of"], failed["provider"]) == ("TestAcme", "acme")
    assert "'top_p': 'nobody says what became of it" in failed["why"]


def test_tests_may_import_each_other_in_either_way(nova):
    nova("plugin", "new", "acme", "--kind", "router")
    tests = nova.folder / "nova-plugin-acme" / "tests"
    for file in tests.glob("test_*.py"):
        file.unlink()
    (tests / "words.py").write_text("SAID = 'hello'\n")
    for name, where in (("near", ".words"), ("far", "words")):
        (tests / f"test_{name}.py").write_text(
            f"from {where} import SAID\n\n\ndef test_it_is_said():\n    assert SAID\n"
        )
    ran = nova("plugin", "test", "nova-plugin-acme", "--json")
    assert (ran.code, [each["outcome"] for each in json.loads(ran.out)["tests"]]) == (0, ["passed", "passed"])


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "nova_plugin_acme/__init__.py",
            "plugin = Acme()",
            'plugin = Acme()\nopen("/dev/null", "w").close()',
            "nova_plugin_acme: open ('/dev/null', 'w')",
        ),
        (
            "nova_plugin_acme/provider.py",
            'api_key_env = ("ACME_API_KEY",)',
            'api_key_env = "ACME_API_KEY"',
            "acme: its `api_key_env` must be a tuple of names, not one text",
        ),
        (
            "nova_plugin_acme/__init__.py",
            "plugin = Acme()",
            "class Dumb:\n    providers = Acme.providers\n\n\nplugin = Dumb()",
            "implements no hook of this gateway",
        ),
        ("pyproject.toml", "nova-core>=", "nova-core>=9", "it is not made for this release of the core"),
        ("pyproject.toml", '"nova.providers"', '"nova.provider"', "there is no group of entry points nova.provider"),
    ],
    ids=["import", "declaration", "contract", "release", "group"],
)
def test_a_mistake_is_told_before_any_test_is_run(nova, file, old, new, said):
    nova("plugin", "new", "acme")
    changed(nova.folder / "nova-plugin-acme", file, old, new)
    ran = nova("plugin", "test", "nova-plugin-acme")
    assert ran.code == 1
    assert said in ran.out
    assert ran.out.splitlines()[-1].startswith("FAILED: 1 of ")


def test_without_pytest_it_says_what_to_install(nova, site):
    nova("plugin", "new", "acme")
    nova.variables["PYTHONPATH"] = str(nova.folder)
    nova.write("sitecustomize.py", 'import sys\nsys.modules["pytest"] = None\n')
    ran = nova("plugin", "test", "nova-plugin-acme")
    assert ran.code == 1
    assert 'pip install "nova-core[testing]"' in ran.err


def test_what_is_no_plugin_cannot_be_tested(nova):
    assert nova("plugin", "test", ".").code == 2
