"""How long `import nova_core` takes in a fresh interpreter: median of several, in milliseconds."""

from __future__ import annotations

import statistics
import subprocess
import sys

RUNS = 15
BUDGET_MS = 150.0
PROBE = "import time; begun = time.perf_counter(); import nova_core; print((time.perf_counter() - begun) * 1000)"


def import_time_ms() -> float:
    """One import in a new interpreter; the interpreter's own start is not counted."""
    finished = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    return float(finished.stdout)


def main() -> int:
    """Print the median and the spread; the exit code tells whether the budget was kept."""
    import_time_ms()  # the first one writes the bytecode
    times = sorted(import_time_ms() for _ in range(RUNS))
    median = statistics.median(times)
    spread = f"{times[0]:.1f} to {times[-1]:.1f} ms"
    print(f"import nova_core: median {median:.1f} ms ({spread}), budget {BUDGET_MS:.0f} ms")
    return int(median > BUDGET_MS)


if __name__ == "__main__":
    sys.exit(main())
