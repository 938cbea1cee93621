"""What calls are counted in: plain numbers by label, cheap to add to, easy to merge between processes."""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from nova_core.errors import NovaError
from nova_core.types.call import CallRecord
from nova_core.types.usage import Usage

SECONDS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
)  # fmt: skip
SHORT_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")

Labels = tuple[str, ...]


class Histogram(msgspec.Struct):
    """Observations in seconds: how many in each bucket (the last is beyond all bounds), and their sum."""

    buckets: list[int]
    total: float = 0.0

    @classmethod
    def of(cls, bounds: tuple[float, ...]) -> Histogram:
        """An empty one."""
        return cls([0] * (len(bounds) + 1))

    def add(self, other: Histogram) -> None:
        """Take in what another process has observed."""
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.total += other.total


class Cell(msgspec.Struct):
    """Calls of one operation to one deployment that ended with one status. Children count in `used` alone."""

    calls: int = 0
    attempts: int = 0
    spend: float = 0.0
    tokens: list[int] = msgspec.field(default_factory=lambda: [0] * len(KINDS))
    latency: Histogram = msgspec.field(default_factory=lambda: Histogram.of(SECONDS))
    upstream: Histogram = msgspec.field(default_factory=lambda: Histogram.of(SECONDS))
    overhead: Histogram = msgspec.field(default_factory=lambda: Histogram.of(SHORT_SECONDS))

    def add(self, other: Cell) -> None:
        """Take in what another process has counted."""
        self.calls += other.calls
        self.attempts += other.attempts
        self.spend += other.spend
        self.tokens = [mine + theirs for mine, theirs in zip(self.tokens, other.tokens, strict=True)]
        self.latency.add(other.latency)
        self.upstream.add(other.upstream)
        self.overhead.add(other.overhead)


class Tally(msgspec.Struct):
    """All counts of one process.

    `cells` by (operation, group, deployment, provider, status), `failures` by (operation, group, error, status),
    `attempts`, of calls that needed several, by (group, deployment, provider, status), `first_chunk` by
    (operation, group).
    """

    cells: dict[Labels, Cell] = {}
    failures: dict[Labels, int] = {}
    attempts: dict[Labels, int] = {}
    first_chunk: dict[Labels, Histogram] = {}
    gauges: dict[Labels, float] = {}

    def add(self, other: Tally) -> None:
        """Take in the counts of another process."""
        for mine, theirs in (
            (self.failures, other.failures),
            (self.attempts, other.attempts),
        ):
            for labels, count in theirs.items():
                mine[labels] = mine.get(labels, 0) + count
        for labels, value in other.gauges.items():
            self.gauges[labels] = self.gauges.get(labels, 0) + value
        for labels, cell in other.cells.items():
            self.cells.setdefault(labels, Cell()).add(cell)
        for labels, histogram in other.first_chunk.items():
            self.first_chunk.setdefault(labels, Histogram.of(SECONDS)).add(histogram)


class Counting:
    """Adds finished calls to a tally."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally

    def call(self, record: CallRecord, group: str, deployment: str, provider: str) -> Cell:
        """Count one call; of child calls only what was used in them. Answers where it was counted."""
        call = record.call
        status = "200" if record.status == 200 else str(record.status)
        key = (call.operation, group, deployment, provider, status)
        cell = self.tally.cells.get(key)
        if cell is None:
            cell = self.tally.cells[key] = Cell()
        waited = record.upstream_seconds
        if call.attempts:
            if record.usage is not None:
                _add_tokens(cell.tokens, record.usage)
            if record.cost is not None:
                cell.spend += float(record.cost)
            if waited and deployment:
                _observe(cell.upstream, waited, SECONDS)
        if call.parent is not None:
            return cell
        cell.calls += 1
        _observe(cell.latency, record.seconds, SECONDS)
        if not record.streamed:
            own = record.seconds - waited
            _observe(cell.overhead, own if own > 0 else 0.0, SHORT_SECONDS)
        if record.error is not None:
            self._count(self.tally.failures, (call.operation, group, type(record.error).__name__, status))
        return cell

    def attempt(self, group: str, deployment: str, provider: str, error: NovaError | None) -> None:
        """Count one of several attempts of a call by deployment and outcome."""
        status = "200" if error is None else str(error.status)
        self._count(self.tally.attempts, (group, deployment, provider, status))

    def refused(self, operation: str, group: str, error: NovaError) -> None:
        """Count a request that never became a call."""
        status = str(error.status)
        self.tally.cells.setdefault((operation, group, "", "", status), Cell()).calls += 1
        self._count(self.tally.failures, (operation, group, type(error).__name__, status))

    def first_chunk(self, operation: str, group: str, seconds: float) -> None:
        """A stream is about to be written: its first chunk is there."""
        known = self.tally.first_chunk.get((operation, group))
        if known is None:
            known = self.tally.first_chunk[operation, group] = Histogram.of(SECONDS)
        _observe(known, seconds, SECONDS)

    def _count(self, counts: dict[Labels, int], labels: Labels) -> None:
        counts[labels] = counts.get(labels, 0) + 1


def _add_tokens(tokens: list[int], usage: Usage) -> None:
    """In the order of `KINDS`."""
    tokens[0] += usage.input + usage.input_audio
    tokens[1] += usage.cache_read
    tokens[2] += usage.cache_write_5m + usage.cache_write_1h
    tokens[3] += usage.output + usage.output_audio + usage.accepted_prediction + usage.rejected_prediction
    tokens[4] += usage.reasoning


def _observe(histogram: Histogram, seconds: float, bounds: tuple[float, ...]) -> None:
    histogram.buckets[bisect_left(bounds, seconds)] += 1
    histogram.total += seconds
