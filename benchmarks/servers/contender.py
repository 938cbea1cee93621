"""What is compared: how it is installed, started and asked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Launch

KEY = "sk-bench-0123456789abcdef"


class UnavailableError(Exception):
    """It cannot be had here; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where one run takes place: a folder for files, the upstream's port, and the port to listen on."""

    folder: Path
    upstream: int
    port: int
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Contender:
    """A gateway. `install` answers its version or raises UnavailableError; `launch` writes its files."""

    name: str
    what: str
    install: Callable[[], str]
    launch: Callable[[Site], Launch]
    model: str = "gpt"
    headers: Callable[[Site], Sequence[str]] = lambda site: ()
    translates: bool = False
    streams: int = 50


def cache() -> Path:
    """Where peers are installed; NOVA_BENCH_CACHE names another place."""
    folder = Path(os.environ.get("NOVA_BENCH_CACHE", Path.home() / ".cache" / "nova-bench"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run(command: Sequence[str | Path], folder: Path | None = None) -> str:
    """What a command printed. Raises UnavailableError with the last line it said."""
    try:
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, check=True, cwd=folder, timeout=1800
        )
    except FileNotFoundError as error:
        raise UnavailableError(f"{command[0]} is not installed") from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = str(error.stderr or error.stdout or error).strip().splitlines()
        raise UnavailableError(said[-1] if said else "the installation failed") from error
    return done.stdout + done.stderr
