"""`docs/performance.md`: what was measured, in tables that nobody writes by hand."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.costs import Costs, Estimate
from benchmarks.features import PLAINEST
from benchmarks.machine import described
from benchmarks.standings import GOALS, OURS, Cell, Standings

INTRODUCTION = """\
# Performance

This page is written by `make bench-full`; its numbers are those of one run on one machine. Measure on yours.

One worker on one core. The gateway is pinned to one core, load generator and upstream (small C programs with epoll,
`benchmarks/load/`) to another one. What is compared is the **CPU time of the gateway's process tree per request**, as
the system accounts it: it depends less on what else the machine does than requests a second, which stand in brackets.
Rounds are interleaved over all contenders and medians are shown. In this gateway authentication, routing over three
deployments, six hooks, retries, deadlines, accounting, access log and response headers are all on.

`~` marks a median over rounds in which other processes took more than 4% of the gateway's core, more than 10% of the
load's, or the host took more than 2%, although up to half as many rounds were added.
"""
HOW = """\
## How it is measured

- *small*, *10 KB*, *100 KB*, *embedding*: closed loop over 32 kept connections; the upstream answers at once.
- *added latency*: an open loop of 1,000 requests a second; latency counts from when a request was due, so a stall is
  not left out, and what the same loop takes without a gateway is subtracted.
- *paced streams*: a chunk every 20 ms on each of 50 streams (8 for a gateway that cannot keep up with 50), CPU time
  over the chunks that reached the caller.
- *answers mixed, lost or cut*: every request has its own token; the answer, or each chunk of it, must carry it. The
  number is of answers that were checked; what went wrong is named.
- *two workers*: what two cores of gateway CPU serve over what one serves, by CPU time a request, because on two cores
  load and upstream take their share of both; the quotient of the plain rates stands in brackets.
- *memory*: resident, of the process tree.
- *Python*: gateway, ceiling and peers in Python run on the quickest build of this version of Python that the machine
  has. A build without profile-guided optimisation, as version managers make by default, takes an eighth to a sixth more
  time for a call.
"""
FEATURES = f"""\
## What each feature costs

Small chat; each is added to the plainest configuration alone, and what it adds to “{PLAINEST}” is shown. The time is
the median over slices of a fifth of a second, each compared with the slices without the feature right before and after
it; the interval in brackets holds the true median 19 times in 20, and `?` marks one that includes 0. Functions of
Python entered and instructions of its bytecode run do not depend on the machine: counted in one process, with all that
is put off until several calls can be served together.
"""
ORDER = ("nginx", "vllm-router", "smg", "portkey", "litellm", "prototype")


def goals_table(made: Standings, titles: dict[str, str]) -> list[str]:
    """Lines of the first table."""
    others = [name for name in (*ORDER, "before") if name in made.versions or name in made.missing]
    lines = [row_of(["", "goal", "met", "nova", *others]), row_of(["---"] * (4 + len(others)))]
    for row, title in titles.items():
        cells = made.cells.get(row)
        if not cells:
            continue
        goal = GOALS.get(row)
        verdict = {True: "yes", False: "no", None: ""}[goal.met(made) if goal else None]
        figures = [shown(cells.get(name)) for name in (OURS, *others)]
        lines.append(row_of([title, goal.text if goal else "", verdict, *figures]))
    return lines


def shown(cell: Cell | None) -> str:
    """A cell with its marks."""
    if cell is None:
        return ""
    return cell.text + (f" failed: {cell.failed}" if cell.failed else "") + (" ~" if cell.disturbed else "")


def row_of(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def ratios(made: Standings) -> list[str]:
    """Our CPU time a request as a share of each other's, by row."""
    lines = []
    for row in ("small", "10k", "100k", "embeddings", "stream", "stream-messages", "stream-claude"):
        ours = made.value(row)
        others = {name: made.value(row, name) for name in ORDER}
        parts = [f"{ours / value:.3g} × {name}" for name, value in others.items() if ours and value]
        if parts:
            lines.append(f"- {row}: {', '.join(parts)}")
    return lines


def costs_table(costs: Costs) -> list[str]:
    """Lines of the second table."""
    count = costs.count
    lines = [
        row_of(["switched on", "CPU µs a request", "Python calls", "bytecode instructions"]),
        row_of(["---", "--:", "--:", "--:"]),
        row_of([PLAINEST, f"{costs.plainest:.1f}", f"{count.python:,}", f"{count.bytecodes:,}"]),
    ]
    for each in costs.features:
        python, bytecodes = each.count.python - count.python, each.count.bytecodes - count.bytecodes
        lines.append(row_of([each.feature, added(each.over), f"{python:+,}", f"{bytecodes:+,}"]))
    return lines


def added(over: Estimate) -> str:
    """Microseconds with their interval, and a mark where that includes 0."""
    mark = " ?" if over.holds_zero else ""
    return f"{over.middle:+.1f} ({over.low:+.1f} … {over.high:+.1f}){mark}"


def page(made: Standings, titles: dict[str, str], costs: Costs | None, facts: Sequence[str]) -> str:
    """The whole page. `facts` are lines about the run."""
    versions = [f"{name} {version}" for name, version in made.versions.items()]
    parts = [
        INTRODUCTION,
        "\n".join(f"- {fact}" for fact in (*described(), f"Versions: {', '.join(versions)}", *facts)),
        "\n".join(f"- {name} was not measured: {why}" for name, why in made.missing.items()),
        "## Goals\n",
        "\n".join(goals_table(made, titles)),
        "Ours as a multiple of others':\n",
        "\n".join(ratios(made)),
        FEATURES,
        "\n".join(costs_table(costs)) if costs else "Not measured in this run.",
        HOW,
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
