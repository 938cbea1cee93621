"""The real command, run as people run it: in a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.plugins.conftest import Site

SECONDS = 60
COMMAND = (sys.executable, "-m", "nova_core.cli")
OURS = ("NOVA_", "CONFIG_FILE_PATH", "_NOVA_", "NO_COLOR", "FORCE_COLOR", "COLUMNS")


@pytest.fixture(autouse=True)
def _interrupts_arrive() -> Iterator[None]:
    """Commands that are started in the background of a shell ignore interrupts, and so would those started here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Nova:
    """Runs `nova …` in `folder`; `variables` are added to an environment without any of ours."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return {**kept, **self.variables}

    def __call__(self, *words: object, fed: str | None = None, env: Mapping[str, str] | None = None) -> Ran:
        stdin = {"input": fed} if fed is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(
            [*COMMAND, *map(str, words)],
            cwd=self.folder,
            env={**self.environment, **(env or {})},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            **stdin,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def nova(tmp_path: Path) -> Nova:
    folder = tmp_path / "here"
    folder.mkdir()
    return Nova(folder)


@pytest.fixture
def site(tmp_path: Path, nova: Nova) -> Site:
    """A folder like site-packages that the command sees beside what is installed."""
    nova.variables["PYTHONPATH"] = str(tmp_path / "site")
    return Site(tmp_path / "site")
