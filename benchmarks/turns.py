"""Two states of the code in turns: what a change costs or saves, where the machine drifts by more than that."""

from __future__ import annotations

import argparse
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

from benchmarks.binaries import compiled
from benchmarks.costs import Slices, estimated, in_turns, sliced
from benchmarks.interpreter import use_quickest
from benchmarks.rounds import Bench, bench
from benchmarks.rows import ROWS, Figure, Row
from benchmarks.servers.contender import Contender
from benchmarks.servers.nova import NOVA, checkout

TURNS = 10
ABLE = {row.name: row for row in ROWS if row.figure is Figure.CALL}


def in_rounds(made: Bench, before: Contender, row: Row, rounds: int) -> Slices:
    """Slices of both, in rounds of new processes."""
    slices = Slices()
    made.behave(row)
    for number in range(rounds):
        both = (NOVA, before) if number % 2 else (before, NOVA)
        with ExitStack() as stack:
            started = {each.name: stack.enter_context(made.started(each)) for each in both}
            for _ in range(TURNS):
                in_turns(made, started, slices, base=before.name, load=sliced(row))
    return slices


def main() -> int:
    """Print a line for each row: the other checkout's CPU time a request, and what this one's is over it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("before", type=Path, help="another checkout of this gateway")
    options.add_argument("--row", action="append", choices=list(ABLE))
    options.add_argument("--rounds", type=int, default=6, help="processes of each; two of a kind are never alike")
    given = options.parse_args()
    with bench(compiled()) as made:
        for row in (ABLE[name] for name in given.row or ["small"]):
            slices = in_rounds(made, checkout(given.before), row, given.rounds)
            if not slices.plainest:
                print(f"{row.title}: not measured", flush=True)
                continue
            share = estimated(slices.shares[NOVA.name])
            low, middle, high = (100 * (part - 1) for part in (share.low, share.middle, share.high))
            base = statistics.median(slices.plainest)
            print(f"{row.title}: {base:.1f} µs before, now {middle:+.1f}% ({low:+.1f} … {high:+.1f})", flush=True)
    return 0


if __name__ == "__main__":
    use_quickest()
    sys.exit(main())
