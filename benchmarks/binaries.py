"""Compiles the scripted upstream and the load generator when their sources changed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = Path(__file__).parent / "load"
BUILT = ROOT / "build" / "bench"


@dataclass(frozen=True, slots=True)
class Binaries:
    """Paths of the two programs."""

    upstream: Path
    load: Path


def compiled() -> Binaries:
    """The two programs, up to date. Raises SystemExit where there is no C compiler."""
    return Binaries(upstream=_compile("upstream"), load=_compile("load"))


def _compile(name: str) -> Path:
    target = BUILT / name
    newest = max(path.stat().st_mtime for path in (SOURCES / f"{name}.c", *SOURCES.glob("*.h")))
    if target.exists() and target.stat().st_mtime >= newest:
        return target
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("benchmarks: there is no C compiler (apt-get install gcc libc6-dev)")
    BUILT.mkdir(parents=True, exist_ok=True)
    subprocess.run([compiler, "-O2", "-Wall", "-o", str(target), str(SOURCES / f"{name}.c")], check=True)
    return target
