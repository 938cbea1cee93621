"""Results in the order of the goals, and whether each goal is met."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.rounds import Result
from benchmarks.rows import Figure, Row

OURS = "nova"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one contender did in one row: numbers, and how they are shown."""

    values: tuple[float, ...]
    text: str
    failed: str = ""
    disturbed: bool = False


@dataclass(slots=True)
class Standings:
    """Cells by row and contender, versions, and why others are missing."""

    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def put(self, row: str, contender: str, cell: Cell) -> None:
        self.cells.setdefault(row, {})[contender] = cell

    def value(self, row: str, contender: str = OURS, at: int = 0) -> float | None:
        """A number, when it was measured."""
        cell = self.cells.get(row, {}).get(contender)
        return cell.values[at] if cell else None


Check = Callable[[Standings], bool | None]


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal in words, and its check: None where what it needs was not measured."""

    text: str
    met: Check


def at_most(row: str, *limits: float) -> Check:
    """Each of our numbers of a row is at most its limit."""

    def check(made: Standings) -> bool | None:
        cell = made.cells.get(row, {}).get(OURS)
        if cell is None:
            return None
        return not cell.failed and all(value <= limit for value, limit in zip(cell.values, limits, strict=False))

    return check


def at_least(row: str, limit: float) -> Check:
    """Our number of a row is at least the limit, and nothing failed."""

    def check(made: Standings) -> bool | None:
        cell = made.cells.get(row, {}).get(OURS)
        return None if cell is None else cell.values[0] >= limit and not cell.failed

    return check


def at_most_of(row: str, **shares: float) -> Check:
    """Our number is at most this share of each named contender's (dashes written as underscores)."""

    def check(made: Standings) -> bool | None:
        ours = made.value(row)
        theirs = [(made.value(row, name.replace("_", "-")), share) for name, share in shares.items()]
        known = [(value, share) for value, share in theirs if value is not None]
        if ours is None or not known:
            return None
        return all(ours <= value * share for value, share in known) and not made.cells[row][OURS].failed

    return check


ROUTER = "≤ vllm-router's"
GOALS: Mapping[str, Goal] = {
    "small": Goal(
        f"{ROUTER}, ≤ 3.5 × nginx's, ≤ 1/150 of LiteLLM's",
        at_most_of("small", vllm_router=1, nginx=3.5, litellm=1 / 150),
    ),
    "varied": Goal(ROUTER, at_most_of("varied", vllm_router=1)),
    "10k": Goal(ROUTER, at_most_of("10k", vllm_router=1)),
    "100k": Goal(ROUTER, at_most_of("100k", vllm_router=1)),
    "embeddings": Goal(ROUTER, at_most_of("embeddings", vllm_router=1)),
    "latency": Goal("p50 ≤ 0.25, p99 ≤ 1.5", at_most("latency", 0.25, 1.5)),
    "stream": Goal("≤ 35", at_most("stream", 35)),
    "stream-messages": Goal("≤ 60", at_most("stream-messages", 60)),
    "stream-claude": Goal("≤ 60", at_most("stream-claude", 60)),
    "c1000": Goal("≥ 10,000 and no error", at_least("c1000", 10_000)),
    "check": Goal("none", at_least("check", 1)),
    "check-stream": Goal("none", at_least("check-stream", 1)),
    "workers": Goal("≥ 1.8", at_least("workers", 1.8)),
    "idle": Goal("≤ 60", at_most("idle", 60)),
    "many-streams": Goal("≤ 120", at_most("many-streams", 120)),
    "ready": Goal("< 1", at_most("ready", 1)),
    "import": Goal("< 0.15", at_most("import", 0.15)),
}


def cell(row: Row, result: Result, direct: Result | None) -> Cell:
    """The figure of a row."""
    values: tuple[float, ...]
    if row.figure is Figure.LATENCY:
        values = tuple((result.median(name) - (direct.median(name) if direct else 0)) / 1000 for name in ("p50", "p99"))
        text = f"{values[0]:.2f} / {values[1]:.2f}"
    elif row.figure is Figure.EVENT:
        values = (result.median("cpu_event"),)
        text = f"{values[0]:.1f}"
    elif row.figure is Figure.ANSWERS:
        values = (float(result.answers),)
        text = f"{result.answers:,}"
    elif row.figure is Figure.RATE:
        values = (result.median("rate"), result.median("cpu_call"))
        text = f"{values[0]:,.0f} ({values[1]:.0f} µs)"
    else:
        values = (result.median("cpu_call"), result.median("rate"))
        text = f"{values[0]:.1f} ({values[1]:,.0f}/s)"
    failed = ", ".join(f"{count} {kind}" for kind, count in result.failures.items())
    return Cell(values, text, failed, result.is_disturbed)
