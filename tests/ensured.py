"""Servers that tests need, installed by the project's scripts where they are not."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.house.tree import ROOT


def ensured(name: str, *, seconds: float) -> str:
    """The path of a server, installed if need be. Skips where it cannot be, except in CI: there it must."""
    found = subprocess.run([ROOT / f"scripts/ensure_{name}.sh"], capture_output=True, text=True, timeout=seconds)
    if found.returncode:
        reason = found.stderr.strip()
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        print(reason)
        pytest.skip(reason)
    return found.stdout.strip()
