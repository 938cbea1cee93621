"""The quickest build of this version of Python here: how it was compiled makes a tenth and more of a difference."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.binaries import ROOT

CHOSEN = "NOVA_BENCH_PYTHON"
QUICKER = "NOVA_BENCH_QUICKER"
"""How many times as quick the chosen build is as the one that began."""
ENVIRONMENT = ROOT / "build" / "bench" / "python"
# Calls, attributes, dictionaries and small objects: what a gateway does all day.
WORK = """
import time
class Thing:
    __slots__ = ("a", "b")
    def __init__(self, a, b):
        self.a = a
        self.b = b
    def both(self, other):
        return {"a": self.a, "b": other.b}
def work():
    for number in range(100_000):
        found = Thing(number, "x").both(Thing(number, "y"))
        found["c"] = (found["a"], found["b"])
def once():
    begun = time.process_time()
    work()
    return time.process_time() - begun
print(min(once() for _ in range(5)))
"""


def use_quickest() -> None:
    """Go on in the quickest build of this version, with the packages of this environment; says so when it changes.

    `NOVA_BENCH_PYTHON` names the interpreter instead.
    """
    if Path(sys.prefix) == ENVIRONMENT:
        return
    named = os.environ.get(CHOSEN)
    seconds = {each: _seconds(each) for each in ((sys.executable, named) if named else _builds())}
    chosen = named or min(seconds, key=seconds.__getitem__)
    if os.path.realpath(chosen) == os.path.realpath(sys.executable):
        return
    subprocess.run([chosen, "-m", "venv", "--clear", "--without-pip", ENVIRONMENT], check=True)
    packages = next(each for each in map(Path, sys.path) if each.name == "site-packages")
    (ENVIRONMENT / "lib" / _version() / "site-packages" / "benchmarked.pth").write_text(
        f"import site; site.addsitedir({str(packages)!r})\n"
    )
    ratio = f"{seconds[sys.executable] / seconds[chosen]:.2f}"
    print(f"interpreter: {chosen}, {ratio} times as quick as {sys.executable}", flush=True)
    os.environ[QUICKER] = ratio
    python = str(ENVIRONMENT / "bin" / "python")
    os.execv(python, [python, *sys.orig_argv[1:]])


def _version() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _builds() -> Iterator[str]:
    """This interpreter first: another one must be quicker to be taken."""
    yield sys.executable
    known = {os.path.realpath(sys.executable)}
    for place in ("/usr/bin", "/usr/local/bin", *os.get_exec_path()):
        found = shutil.which(_version(), path=place)
        if found and os.path.realpath(found) not in known and _is_sound(found):
            known.add(os.path.realpath(found))
            yield found


def _is_sound(python: str) -> bool:
    """Whether it runs at all, and makes environments."""
    return subprocess.run([python, "-c", "import venv"], capture_output=True).returncode == 0


def _seconds(python: str) -> float:
    return float(subprocess.run([python, "-I", "-c", WORK], capture_output=True, text=True, check=True).stdout)
