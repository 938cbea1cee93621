"""All goals beside all peers: prints the tables and, with `--write`, docs/performance.md."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.binaries import ROOT, compiled
from benchmarks.costs import Costs, costs
from benchmarks.footprint import footprint, import_seconds, ready_seconds
from benchmarks.interpreter import use_quickest
from benchmarks.machine import system_load
from benchmarks.processes import StartError
from benchmarks.report import costs_table, goals_table, page
from benchmarks.rounds import Bench, Running, bench, interleaved
from benchmarks.rows import MANY_STREAMS, ROWS, Figure, Row
from benchmarks.run import CONTENDERS, print_row, start_all
from benchmarks.scaling import scaling
from benchmarks.servers.contender import Contender
from benchmarks.servers.nova import NOVA
from benchmarks.standings import GOALS, OURS, Cell, Standings, cell

PAGE = ROOT / "docs" / "performance.md"
STANDING = {
    "workers": "two workers over one",
    "idle": "memory idle, MiB",
    MANY_STREAMS.name: "memory under 1,000 concurrent streams, MiB",
    "ready": "start to ready, s",
    "import": "`import nova_core`, s",
}
TITLES = {row.name: f"{row.title}, {row.figure}" for row in ROWS} | STANDING
SHORT = ("small", "varied", "10k", "100k", "embeddings", "stream", "check")


@dataclass(slots=True)
class Run:
    """What has been measured so far; the page is written after each part, so that one that fails takes none along."""

    rounds: int
    page: Path | None
    standings: Standings = field(default_factory=Standings)
    costs: Costs | None = None
    begun: float = field(default_factory=time.monotonic)
    load: float = field(default_factory=system_load)

    def write(self) -> None:
        """Write the page, if one is wanted."""
        if self.page is None:
            return
        minutes = (time.monotonic() - self.begun) / 60
        facts = [
            f"Run: {datetime.now(UTC):%Y-%m-%d}, {self.rounds} rounds, {minutes:.0f} minutes, load average before it "
            f"{self.load:.1f}",
            f"Command: `python -m benchmarks.full {' '.join(sys.argv[1:])}`",
        ]
        self.page.write_text(page(self.standings, TITLES, self.costs, facts), encoding="utf-8")


def measure_rows(made: Bench, standings: Standings, started: list[Running], rows: list[Row], rounds: int) -> None:
    """Each row over all contenders that can serve it."""
    for row in rows:
        able = [each for each in started if each.contender.translates or not row.translated]
        count = rounds if row.figure is not Figure.ANSWERS else 1
        results = interleaved(made, row, [made.direct(), *able], count)
        print_row(row, results)
        for name, result in results.items():
            standings.put(row.name, name, cell(row, result, results.get("direct")))


def measure_standing(made: Bench, standings: Standings, contenders: list[Contender], rounds: int) -> None:
    """Memory, start, import and workers, on processes of their own."""
    for each in contenders:
        try:
            found = footprint(made, each)
            standings.put("idle", each.name, Cell((found.idle,), f"{found.idle:.0f}"))
            failed = f"{found.cut} cut" if found.cut else ""
            standings.put(MANY_STREAMS.name, each.name, Cell((found.streams,), f"{found.streams:.0f}", failed))
            seconds = ready_seconds(made, each)
            standings.put("ready", each.name, Cell((seconds,), f"{seconds:.2f}"))
            print(
                f"{each.name:12} idle {found.idle:.1f} MiB, 1,000 streams {found.streams:.0f} MiB "
                f"({found.chunks:,.0f} chunks/s), ready in {seconds:.2f} s",
                flush=True,
            )
        except StartError as error:
            print(f"{each.name}: not measured at rest: {error}", flush=True)
    seconds = import_seconds()
    standings.put("import", OURS, Cell((seconds,), f"{seconds:.3f}"))
    found_scaling = scaling(made, NOVA, rounds)
    text = f"{found_scaling.factor:.2f} ({found_scaling.rate_factor:.2f})"
    standings.put("workers", OURS, Cell((found_scaling.factor, found_scaling.rate_factor), text))
    print(f"import {seconds:.3f} s; two workers {text}: {found_scaling}", flush=True)


def print_costs(rounds: int) -> int:
    """The second table alone."""
    with bench(compiled()) as made:
        found = costs(made, rounds)
    print("\n".join(costs_table(found)) if found else "nothing was measured")
    return int(found is None)


def main() -> int:
    """Measure; the exit status says whether all goals that were measured are met, with `--gate`."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--with", dest="names", default=",".join(CONTENDERS))
    options.add_argument("--short", action="store_true", help="the first rows only, nothing that starts servers anew")
    options.add_argument("--features", action="store_true", help="only print what each feature costs")
    options.add_argument("--standing", action="store_true", help="only our memory, start, import and workers")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--write", type=Path, nargs="?", const=PAGE, help="write the page")
    options.add_argument("--gate", action="store_true", help="exit 1 when a goal is missed; for a quiet machine")
    given = options.parse_args()
    if given.features:
        return print_costs(given.rounds)
    run = Run(given.rounds, given.write)
    if given.standing:
        with bench(compiled()) as made:
            measure_standing(made, run.standings, [NOVA], given.rounds)
        return 0
    names = given.names.split(",")
    with bench(compiled()) as made:
        wanted = [CONTENDERS[name] for name in names]
        started, run.standings.versions, run.standings.missing = start_all(made, wanted)
        rows = [row for row in ROWS if not given.short or row.name in SHORT]
        measure_rows(made, run.standings, started, rows, given.rounds)
    run.write()
    if not given.short:
        with bench(compiled()) as made:
            measure_standing(made, run.standings, [each.contender for each in started], given.rounds)
        run.write()
        with bench(compiled()) as made:
            run.costs = costs(made, given.rounds)
        run.write()
    features = ["", *costs_table(run.costs)] if run.costs else []
    print("\n".join(["", *goals_table(run.standings, TITLES), *features, ""]))
    standings = run.standings
    missed = [row for row, goal in GOALS.items() if goal.met(standings) is False]
    return int(given.gate and bool(missed))


if __name__ == "__main__":
    use_quickest()
    sys.exit(main())
