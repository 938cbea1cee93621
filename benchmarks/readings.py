"""What the system says about processes and cores: CPU time, memory, and who else was at work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
BUSY = (0, 1, 2, 5, 6)  # user, nice, system, irq, softirq
STEAL = 7


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for each in found:
        for children in PROC.glob(f"{each}/task/*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time that the living threads of a process tree have run, to the nanosecond, kernel included."""
    total = 0
    for each in tree(pid):
        for entry in PROC.glob(f"{each}/task/*/schedstat"):
            try:
                total += int(entry.read_text().split()[0])
            except OSError:
                continue
    return total / 1e9


def memory_mb(pid: int) -> float:
    """Resident memory of a process tree in MiB, shared pages counted once each process."""
    pages = 0
    for each in tree(pid):
        try:
            pages += int((PROC / str(each) / "statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


@dataclass(frozen=True, slots=True)
class Core:
    """Seconds a core was busy and was taken by the host, since start."""

    busy: float
    stolen: float


def cores() -> dict[int, Core]:
    """All cores by number."""
    found = {}
    for line in (PROC / "stat").read_text().splitlines():
        name, *rest = line.split()
        if name.startswith("cpu") and name != "cpu":
            ticks = list(map(int, rest))
            found[int(name[3:])] = Core(sum(ticks[at] for at in BUSY) / TICK, ticks[STEAL] / TICK)
    return found
