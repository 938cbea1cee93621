"""Where the core names a provider: identifiers and string literals, names of wire formats excepted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from tests.house.tree import CORE, Plugin, plugins

WIRE = CORE / "wire"
# Providers whose names are words of the language, of an API (`echo` is a parameter of completions), or of keys that
# configurations have had for long (`azure_ad_token`): a literal names the provider only where the code speaks of a
# provider.
ORDINARY_WORDS = {"azure", "local", "echo", "infinity", "meta", "morph", "prism", "sail", "synthetic", "transcribe"}


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's name, the plugin that owns it, and whether a wire format is named after it."""

    name: str
    owner: Plugin
    names_a_format: bool


@dataclass(frozen=True, slots=True)
class Word:
    """An identifier or a string literal; `about_providers` if the code around it speaks of a provider."""

    text: str
    node: ast.AST
    about_providers: bool


def providers(dialects: Iterable[str]) -> list[Provider]:
    """All names under `nova.providers`; `dialects` are the names of wire formats, like `openai_chat`."""
    formats = {dialect.split("_")[0] for dialect in dialects}
    return [
        Provider(name, plugin, name in formats)
        for plugin in plugins()
        for name in plugin.entry_points("nova.providers")
    ]


def dialects() -> set[str]:
    """Names of wire formats: the modules and packages of `nova_core/wire/`."""
    return {path.stem for path in WIRE.iterdir() if not path.name.startswith("_")} | {
        "openai_chat",
        "openai_responses",
        "anthropic_messages",
    }


@cache
def words_of(tree: ast.Module) -> tuple[Word, ...]:
    """Every identifier and string literal of a module; docstrings are prose and are left out."""
    return tuple(_words(tree))


def _words(tree: ast.Module) -> Iterator[Word]:
    prose = set(_docstrings(tree))
    about_providers = set(_literals_beside_provider(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            yield Word(node.value, node, node in about_providers)
        for field in ("id", "attr", "arg", "name", "module"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield Word(value, node, False)


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _literals_beside_provider(tree: ast.Module) -> Iterator[ast.AST]:
    """Literals that are compared with, assigned to, passed as or looked up in something called `…provider…`."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare():
                said = [node.left, *node.comparators]
            case ast.keyword(arg=str(arg)):
                said = [ast.Name(arg), node.value]
            case ast.Assign():
                said = [*node.targets, node.value]
            case ast.Subscript():
                said = [node.value, node.slice]
            case ast.Match():
                said = [node.subject, *(case.pattern for case in node.cases)]
            case _:
                continue
        if any("provider" in ast.unparse(part).lower() for part in said):
            yield from (inner for part in said for inner in ast.walk(part) if isinstance(inner, ast.Constant))


def names(word: Word, provider: Provider) -> bool:
    """Whether the identifier or literal names the provider."""
    said, name = plain(word.text), plain(provider.name)
    if name not in said:
        return False
    prefixed = word.text.startswith(f"{provider.name}/")
    if provider.name in ORDINARY_WORDS:
        return prefixed or (word.about_providers and said == name)
    if provider.names_a_format:
        # A longer word, like openai_chat or anthropic-version, is a format's; the bare one a provider's.
        return prefixed or said == name
    return re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", said) is not None


@cache
def plain(word: str) -> str:
    """In lower case, its parts joined by underscores."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower())
