"""The machine that was measured on, as the report names it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from benchmarks.interpreter import QUICKER

CPUS = Path("/proc/cpuinfo")


def described() -> list[str]:
    """Processor, cores, memory, system, interpreter: one line each."""
    lines = (line.partition(":") for line in CPUS.read_text().splitlines())
    facts = {name.strip(): value.strip() for name, _, value in lines}
    model = facts.get("model name", "unknown")
    if "cpu family" in facts:  # one name may stand for several generations, and what is quick differs between them
        model += f" (family {facts['cpu family']}, model {facts.get('model')})"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return [
        f"Processor: {model}, {os.cpu_count()} cores, {memory:.0f} GiB of memory",
        f"System: {distribution()}, Linux {platform.release()}, {platform.machine()}",
        f"Python: {platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}",
        *_chosen(),
    ]


def _chosen() -> list[str]:
    ratio = os.environ.get(QUICKER)
    return [] if ratio is None else [f"That build of Python is {ratio} times as quick as the checkout's own"]


def distribution() -> str:
    """The name of the distribution."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def system_load() -> float:
    """Running and waiting processes, averaged over the last minute."""
    return os.getloadavg()[0]
