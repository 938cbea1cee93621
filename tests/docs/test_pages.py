"""The documentation hangs together: every page is reachable, every link leads somewhere, the README stays short."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
import typer
import yaml

from nova_core.cli.app import make_app
from nova_core.testing import OperationConformance, UpstreamConformance
from tests.docs.pages import DOCS, ROOT, Page, pages

LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
README_LINES = 250


def nav_files(entries: list[object]) -> list[str]:
    found: list[str] = []
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            found += nav_files(value) if isinstance(value, list) else [str(value)]
    return found


def anchors(file: Path) -> set[str]:
    """What `#…` may name: headings, the way Markdown renderers turn them into identifiers."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL), re.M
    )
    plain = (re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower() for heading in headings)
    return {re.sub(r"[\s-]+", "-", heading) for heading in plain}


def shown_commands(page: Page) -> Iterator[list[str]]:
    """The words of every `nova …` line in the page's shell blocks and running text."""
    shell = "\n".join(block.text for block in page.blocks if block.language in ("bash", "console"))
    for line in [*shell.splitlines(), *re.findall(r"`(nova [a-z][^`\n]*)`", page.text)]:
        for found in re.finditer(r"(?:^|[$;&|] )nova ([a-z-][^|;#]*)", line):
            yield shlex.split(found[1])


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_command_and_option_that_is_shown_exists(page: Page) -> None:
    group = typer.main.get_command(make_app())
    context = group.make_context("nova", [], resilient_parsing=True)
    unknown = []
    for words in shown_commands(page):
        name, *rest = [word for word in words if word != "--debug"]
        command = group.get_command(context, name) if name not in ("COMMAND", "…") else None
        while rest and hasattr(command, "get_command"):
            command = command.get_command(context, rest.pop(0))
        options = {option for each in getattr(command, "params", ()) for option in (*each.opts, *each.secondary_opts)}
        given = [word for word in takewhile(lambda word: word != "--", rest) if word.startswith("-")]
        if command is None or not options.issuperset({*given} - {"--help", "-h"}):
            unknown.append(" ".join(words))
    assert unknown == []


def test_every_page_is_in_the_navigation() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(nav_files(site["nav"])) == sorted(str(file.relative_to(DOCS)) for file in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_inside_the_repository_leads_somewhere(page: Page) -> None:
    broken = []
    for found in LINK.finditer(CODE.sub("", page.text)):
        target, _, anchor = found["target"].partition("#")
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file = (page.path.parent / target).resolve() if target else page.path
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(found["target"])
    assert broken == []


def test_the_readme_can_be_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


def test_every_example_file_is_named_in_the_documentation() -> None:
    said = "\n".join(page.text for page in pages()) + (ROOT / "examples/README.md").read_text(encoding="utf-8")
    examples = [path for path in (ROOT / "examples").iterdir() if path.name not in ("README.md", "__pycache__")]
    assert [path.name for path in examples if path.name not in said] == []


def test_every_command_is_in_the_page_of_commands() -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    commands = typer.main.get_command(make_app()).commands  # type: ignore[attr-defined]
    groups = {name: getattr(command, "commands", None) for name, command in commands.items()}
    words = [f"nova {' '.join(filter(None, (name, inner)))}" for name, each in groups.items() for inner in each or [""]]
    assert [word for word in words if f"`{word}" not in text] == []


def test_every_attribute_of_the_conformance_kits_is_explained() -> None:
    text = (DOCS / "writing-a-provider.md").read_text(encoding="utf-8")
    given = {
        name
        for kit in (UpstreamConformance, OperationConformance)
        for each in kit.__mro__
        for name, kind in vars(each).get("__annotations__", {}).items()
        if str(kind).startswith("ClassVar")
    }
    assert len(given) > 25
    assert [name for name in sorted(given) if f"`{name}`" not in text] == []
