"""How long `nova serve` takes until it is ready with the echo provider, and what its processes hold while idle."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.interpreter import use_quickest
from benchmarks.processes import answers, end, free_port
from benchmarks.readings import PROC, cpu_seconds, tree

RUNS = 5
READY = "/health/readiness"
LONGEST_SECONDS = 30.0
IDLE_SECONDS = 1.0
SECONDS_BUDGET = 1.0
RSS_BUDGET_MB = 60.0


@dataclass(frozen=True, slots=True)
class Memory:
    """One process, MiB. `pss` counts a page that several processes share in equal parts."""

    rss: float
    pss: float


@dataclass(frozen=True, slots=True)
class Start:
    """One start: until ready in seconds, CPU seconds of the whole tree, and each process, the parent first."""

    seconds: float
    cpu: float
    processes: tuple[Memory, ...]


def memory_of(pid: int) -> Memory:
    """What the system says of one process."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if rest[:1]}
    return Memory(kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024)


def start(environment: Mapping[str, str], workers: int) -> Start:
    """Start once, measure, stop. Raises TimeoutError."""
    port = free_port()
    command = [sys.executable, "-m", "nova_core.cli", "serve", "--model", "echo/x", "--port", str(port)]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--workers", str(workers)], env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while not answers(port, READY):
            if time.perf_counter() - begun > LONGEST_SECONDS or process.poll() is not None:
                raise TimeoutError("the gateway was never ready")
            time.sleep(0.005)
        seconds = time.perf_counter() - begun
        time.sleep(IDLE_SECONDS)
        return Start(seconds, cpu_seconds(process.pid), tuple(map(memory_of, tree(process.pid))))
    finally:
        end(process)


def report(starts: list[Start], workers: int) -> bool:
    """Print the medians; whether the budgets of one worker were kept."""
    seconds = statistics.median(each.seconds for each in starts)
    cpu = statistics.median(each.cpu for each in starts)
    last = starts[-1].processes
    print(f"{workers} worker(s): ready in {seconds:.2f} s (CPU {cpu:.2f} s)")
    for number, each in enumerate(last):
        print(f"  process {number}: RSS {each.rss:.1f} MB, PSS {each.pss:.1f} MB")
    print(f"  together: PSS {sum(each.pss for each in last):.1f} MB")
    return seconds <= SECONDS_BUDGET and max(each.rss for each in last) <= RSS_BUDGET_MB


def main() -> int:
    """Print one worker, then two; the exit code tells whether one worker kept its budgets."""
    with tempfile.TemporaryDirectory() as bytecode:
        # As installed: with bytecode, wherever this checkout's may not be written.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        start(environment, 1)
        kept = report([start(environment, 1) for _ in range(RUNS)], 1)
        report([start(environment, 2) for _ in range(RUNS)], 2)
    print(f"budgets of one worker: {SECONDS_BUDGET:.0f} s, RSS {RSS_BUDGET_MB:.0f} MB")
    return int(not kept)


if __name__ == "__main__":
    use_quickest()
    sys.exit(main())
