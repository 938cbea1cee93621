"""Two states of the code in turns: what a change costs or saves, where the machine drifts by more than that."""

from __future__ import annotations

import argparse
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

from benchmarks.binaries import compiled
from benchmarks.costs import Slices, in_turns, sliced
from benchmarks.interpreter import use_quickest
from benchmarks.processes import StartError
from benchmarks.rounds import bench
from benchmarks.rows import ROWS, Figure
from benchmarks.servers.nova import NOVA, checkout

TURNS = 10
ABLE = {row.name: row for row in ROWS if row.figure is Figure.CALL}


def main() -> int:
    """Print a line for each row: the other checkout's CPU time a request, and what this one's is over it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("before", type=Path, help="another checkout of this gateway")
    options.add_argument("--row", action="append", choices=list(ABLE))
    options.add_argument("--rounds", type=int, default=6, help="processes of each; two of a kind are never alike")
    given = options.parse_args()
    before = checkout(given.before)
    with bench(compiled()) as made:
        for row in (ABLE[name] for name in given.row or ["small"]):
            made.behave(row)
            slices = Slices()
            for number in range(given.rounds):
                both = (NOVA, before) if number % 2 else (before, NOVA)
                with ExitStack() as stack:
                    started = {each.name: stack.enter_context(made.started(each)) for each in both}
                    for _ in range(TURNS):
                        try:
                            in_turns(made, started, slices, base=before.name, load=sliced(row))
                        except StartError as error:
                            print(f"a turn does not count: {error}", flush=True)
            base = statistics.median(slices.plainest)
            over = slices.estimates()[NOVA.name]
            low, middle, high = (100 * part / base for part in (over.low, over.middle, over.high))
            print(f"{row.title}: {base:.1f} µs before, now {middle:+.1f}% ({low:+.1f} … {high:+.1f})", flush=True)
    return 0


if __name__ == "__main__":
    use_quickest()
    sys.exit(main())
