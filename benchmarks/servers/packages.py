"""Installs peers from PyPI into an environment of their own."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.servers.contender import cache, run


def environment(name: str) -> Path:
    """The folder of commands of a peer's environment."""
    return cache() / name / "bin"


def installed(name: str, requirement: str) -> str:
    """Install once; the version that is there. Raises UnavailableError."""
    binaries = environment(name)
    if not (binaries / name).exists():
        # Debian keeps venv's own pip in another package.
        run([sys.executable, "-m", "venv", "--without-pip", cache() / name])
        run([sys.executable, "-m", "pip", "--python", binaries / "python", "install", "--quiet", requirement])
    probe = f"from importlib.metadata import version; print(version({name!r}))"
    return run([binaries / "python", "-c", probe]).strip()
