"""The core knows no provider, and adding one touches one folder."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.house.provider_names import WIRE, Provider, Word, dialects, names, plain, providers, words_of
from tests.house.tree import ROOT, core_files, place, plugins, syntax

ALL = providers(dialects())


@cache
def words_of_the_core() -> Mapping[str, Sequence[tuple[Path, Word]]]:
    """Every word and where it is said, by its plain form."""
    found: dict[str, list[tuple[Path, Word]]] = {}
    for path in core_files():
        for word in words_of(syntax(path)):
            found.setdefault(plain(word.text), []).append((path, word))
    return found


def test_there_are_providers_to_look_for():
    assert {"openai", "anthropic", "groq", "remodlai", "local", "echo"} <= {provider.name for provider in ALL}


@pytest.mark.parametrize("provider", ALL, ids=lambda provider: provider.name)
def test_the_core_does_not_name_the_provider(provider: Provider):
    said = [
        f"{place(path, word.node)} {word.text!r}"
        for text, found in words_of_the_core().items()
        if plain(provider.name) in text
        for path, word in found
        if names(word, provider) and not (provider.names_a_format and WIRE in path.parents)
    ]
    assert said == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 'groq'", True),
        ("class GroqHandler: ...", True),
        ("def to_groq(): ...", True),
        ("import nova_plugin_groq", True),
        ("if provider == 'openai': ...", True),
        ("model = 'openai/gpt-4o'", True),
        ("dialect = 'openai_chat'", False),
        ("path = '/openai/deployments/{model}'", False),
        ("typer.echo('local time')", False),
        ("cache = {'type': 'local'}", False),
        ("if deployment.provider == 'local': ...", True),
        ("deployment = Deployment(provider='echo')", True),
        ("model = 'echo/any'", True),
        ("'''Prose may say groq.'''", False),
    ],
)
def test_the_search_tells_a_provider_from_a_wire_format(source: str, found: bool):
    known = [p for p in ALL if p.name in {"groq", "openai", "local", "echo"}]
    assert any(names(word, p) for word in words_of(ast.parse(source)) for p in known) is found


def test_no_name_has_two_owners():
    owners = [(provider.name, provider.owner.name) for provider in ALL]
    assert len({name for name, _ in owners}) == len(owners)


@pytest.mark.parametrize("plugin", plugins(), ids=lambda plugin: plugin.name)
def test_the_tooling_finds_a_plugin_without_naming_it(plugin):
    tooling = [ROOT / "Makefile", ROOT / "tox.ini", ROOT / "deploy/Dockerfile", ROOT / ".ci/run"]
    tooling += sorted((ROOT / "scripts").glob("*.*"))
    naming = [place(path) for path in tooling if plugin.name in path.read_text(encoding="utf-8")]
    assert naming == []
