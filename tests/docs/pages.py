"""Pages of the documentation, cut into the blocks that can be run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DEFAULT_CONFIG = "examples/quickstart.yaml"

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[a-z]*)[^`]*$")
DIRECTION = re.compile(r"^ *<!-- example: (?P<word>[a-z]+) ?(?P<rest>.*?) *-->$")
SERVE = re.compile(r"<!-- serve: (?P<config>\S+) -->")

WORDS = ("file", "skip", "wrong", "plain")
"""What a comment before a block may say.

`file NAME` keeps the block as a file for the blocks after it; `skip WHY` leaves it unrun; `wrong` (or `wrong NAME`)
is a configuration that `nova check` refuses; `plain` is YAML that is no configuration.
"""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is where its first line of content stands."""

    page: Path
    line: int
    language: str
    text: str
    word: str = ""
    rest: str = ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file. `config` is what the server of its examples is started with."""

    path: Path
    text: str
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def config(self) -> str:
        found = SERVE.search(self.text)
        return found["config"] if found else DEFAULT_CONFIG

    @property
    def runs(self) -> bool:
        """Whether any block does something."""
        return any(block.language in ("python", "yaml", "console", "bash") for block in self.blocks)


def pages() -> list[Page]:
    """README first, then every page below `docs/`."""
    files = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [page(file) for file in files]


def page(file: Path) -> Page:
    """Read one file."""
    text = file.read_text(encoding="utf-8")
    return Page(file, text, tuple(_blocks(file, text.splitlines())))


def _blocks(file: Path, lines: list[str]) -> Iterator[Block]:
    number = 0
    while number < len(lines):
        opened = FENCE.match(lines[number])
        if opened is None:
            number += 1
            continue
        end = number + 1
        while lines[end].strip() != "```":
            end += 1
        said = DIRECTION.match(lines[number - 1]) if number else None
        indent = len(opened["indent"])
        text = "".join(line[indent:] + "\n" for line in lines[number + 1 : end])
        word, rest = (said["word"], said["rest"]) if said else ("", "")
        if word and word not in WORDS:
            raise ValueError(f"{file}:{number}: an example cannot be {word!r}; it can be {', '.join(WORDS)}")
        yield Block(file, number + 2, opened["language"], text, word, rest)
        number = end + 1
