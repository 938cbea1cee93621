"""The command: rows × contenders, printed as they come."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.binaries import compiled
from benchmarks.interpreter import use_quickest
from benchmarks.processes import StartError
from benchmarks.rounds import Bench, Result, Running, bench, interleaved
from benchmarks.rows import ROWS, Figure, Row
from benchmarks.servers.ceiling import PROTOTYPE
from benchmarks.servers.contender import Contender, UnavailableError
from benchmarks.servers.litellm import LITELLM
from benchmarks.servers.nginx import NGINX
from benchmarks.servers.nova import NOVA, checkout
from benchmarks.servers.portkey import PORTKEY
from benchmarks.servers.rust import SMG, VLLM_ROUTER
from benchmarks.standings import cell

CONTENDERS = {each.name: each for each in (NGINX, VLLM_ROUTER, SMG, PORTKEY, LITELLM, PROTOTYPE, NOVA)}


def start_all(made: Bench, wanted: list[Contender]) -> tuple[list[Running], dict[str, str], dict[str, str]]:
    """What could be started, the versions, and why others are missing."""
    started, versions, missing = [], {}, {}
    for each in wanted:
        try:
            versions[each.name] = each.install()
            started.append(made.start(each))
        except (UnavailableError, StartError) as error:
            missing[each.name] = str(error)
            print(f"{each.name}: not measured: {error}", flush=True)
    return started, versions, missing


def print_row(row: Row, results: Mapping[str, Result]) -> None:
    """A line for each contender, with its ratio to nginx, its failures, and whether it was disturbed."""
    print(f"== {row.title}: {row.figure}")
    floor = cell(row, results["nginx"], None).values[0] if "nginx" in results else 0
    for name, result in results.items():
        made = cell(row, result, results.get("direct"))
        is_ratio = floor and made.values[0] and row.figure in {Figure.CALL, Figure.EVENT}
        ratio = f"  {made.values[0] / floor:.1f} × nginx" if is_ratio else ""
        failed = f"  FAILED: {made.failed} {result.said[:200]}" if made.failed else ""
        print(f"{name:12} {made.text}{ratio}{failed}{'  ~disturbed' if made.disturbed else ''}")
        for why in sorted({each.disturbed for each in result.quiet if each.disturbed})[:2]:
            print(f"{'':12} ~ {why}")
    sys.stdout.flush()


def main() -> int:
    """Run the rows and print a line for each contender."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--row", action="append", choices=[row.name for row in ROWS])
    options.add_argument("--with", dest="names", default="nginx,nova", help="contenders, or all")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--before", type=Path, help="another checkout of this gateway, measured beside this one")
    given = options.parse_args()
    names = list(CONTENDERS) if given.names == "all" else given.names.split(",")
    with bench(compiled()) as made:
        wanted = [CONTENDERS[name] for name in names] + ([checkout(given.before)] if given.before else [])
        started, _, _ = start_all(made, wanted)
        for row in (row for row in ROWS if row.name in (given.row or ["small"])):
            able = [each for each in started if each.contender.translates or not row.translated]
            results = interleaved(made, row, [made.direct(), *able], given.rounds)
            print_row(row, results)
    return 0


if __name__ == "__main__":
    use_quickest()
    sys.exit(main())
