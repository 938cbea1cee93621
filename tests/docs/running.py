"""Runs what a page shows: Python in this process, commands in a shell, configurations through the checker."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from nova_core.config.explain import Problem
from nova_core.gateway.check import check_file
from tests.docs.pages import Block

ADDRESS = re.compile(r"(?:127\.0\.0\.1|localhost):4000")
COMMAND_SECONDS = 90
ANYTHING = ("…", "...")

ENVIRONMENT: Mapping[str, str] = {
    "NOVA_DOCS": "1",
    "NO_COLOR": "1",
    "TERM": "dumb",
    "COLUMNS": "200",
    "NOVA_MASTER_KEY": "sk-docs-master",
    "GROQ_API_KEY": "gsk-docs",
    "OPENAI_API_KEY": "sk-docs-openai",
    "REDIS_PASSWORD": "docs-redis",
    "OPENAI_API_KEY_EU": "sk-docs-openai-eu",
    "ANTHROPIC_API_KEY": "sk-ant-docs",
    "TEAM_A_KEY": "sk-docs-team-a",
    "TEAM_B_KEY": "sk-docs-team-b",
    "REMODLAI_API_BASE": "http://127.0.0.1:9/v1",
    "REMODLAI_API_KEY": "sk-docs-nova",
    "VLLM_BASE": "http://127.0.0.1:9/v1",
}
"""What the pages ask their readers to have set."""


@dataclass(slots=True)
class Reader:
    """Somebody who follows a page from top to bottom in one folder; `address` replaces the one in the text."""

    folder: Path
    address: str | None = None
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})

    def follow(self, block: Block) -> None:
        """Do what a block says. Raises AssertionError when it does not work as shown."""
        text = self._addressed(block)
        if block.word == "skip":
            return
        if block.word == "file":
            self._keep(block.rest, text)
        match block.language:
            case "python" if block.word == "":
                self._python(block, text)
            case "console":
                self._console(block, text)
            case "yaml":
                self._yaml(block, text)

    def _addressed(self, block: Block) -> str:
        if self.address is None or block.word == "skip":
            return block.text
        return ADDRESS.sub(self.address.removeprefix("http://"), block.text)

    def _keep(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def _python(self, block: Block, text: str) -> None:
        source = "\n" * (block.line - 1) + text
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(source, str(block.page), "exec"), self.names)
        promised = [line.strip()[3:] for line in text.splitlines() if line.strip().startswith("#> ")]
        expect_lines(promised, said.getvalue(), f"{block}")

    def _yaml(self, block: Block, text: str) -> None:
        if block.word == "plain":
            list(yaml.safe_load_all(text))
            return
        file = self.folder / (
            block.rest if block.word in ("file", "wrong") and block.rest else f"line-{block.line}.yaml"
        )
        file.write_text(text, encoding="utf-8")
        problems = check_file(file, environ={**os.environ, **ENVIRONMENT})
        found = [problem.render() for problem in problems if _counts(problem)]
        if block.word == "wrong":
            assert found, f"{block}: nothing is wrong with it"
        else:
            assert found == [], f"{block}:\n" + "\n".join(found)

    def _console(self, block: Block, text: str) -> None:
        for command, promised in commands(text):
            if command.startswith("curl ") and shutil.which("curl") is None:
                warnings.warn(f"{block}: not run, there is no curl here", stacklevel=2)
                continue
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=COMMAND_SECONDS,
                env=environment(),
                check=False,
            )
            expect_lines(promised, ran.stdout, f"{block}: $ {command}")


def _counts(problem: Problem) -> bool:
    return problem.severity != "info"


def environment() -> dict[str, str]:
    """The environment of commands: this interpreter's programs first, the readers' variables set."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    around = {name: value for name, value in os.environ.items() if not name.startswith(("NOVA_", "LITELLM_"))}
    return {**around, **ENVIRONMENT, "PATH": path}


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Commands after `$ ` (continued by `\\` or `> `), each with the output lines that follow it."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and (line.startswith("> ") or found[-1][0].endswith("\\")):
            found[-1] = (f"{found[-1][0]}\n{line.removeprefix('> ')}", found[-1][1])
        elif found and line.strip():
            found[-1][1].append(line)
    return found


def expect_lines(promised: list[str], said: str, where: str) -> None:
    """Every promised line comes, in order; `…` in a line stands for anything, as a line for any lines."""
    rest = [_squeezed(line) for line in said.splitlines()]
    for line in promised:
        if line.strip() in ANYTHING:
            continue
        pattern = re.compile(".*?".join(re.escape(part) for part in re.split(r"…|\.\.\.", _squeezed(line))))
        place = next((place for place, each in enumerate(rest) if pattern.search(each)), None)
        if place is None:
            pytest.fail(f"{where}\nthe line {line!r} does not come (any more) in:\n{said}")
        rest = rest[place + 1 :]


def _squeezed(line: str) -> str:
    return " ".join(line.split())
