"""What each feature costs: short slices of load with and without it in turns, and work counted in this process."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from math import comb
from pathlib import Path

from benchmarks.counting import Count, FailedCallsError, counted_call
from benchmarks.features import FEATURES, PLAINEST, Configured
from benchmarks.processes import StartError
from benchmarks.rounds import Bench, Running, alone
from benchmarks.rows import SMALL, Row
from benchmarks.servers.contender import KEY
from benchmarks.servers.nova import NOVA, written
from nova_core.errors import NovaError
from nova_core.server.running import loop_factory


def sliced(row: Row) -> Row:
    """A slice of this load."""
    return replace(row, seconds=0.2, options=(*row.options, "--warmup", "0.06"))


SLICE = sliced(SMALL)
TURNS = 4
"""How often each feature has its turn in a round. A round has processes of its own: two of a kind are never alike."""
DOUBT = 0.05
HEAD = "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-length: {length}\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median, and the interval that holds the true one 19 times in 20."""

    middle: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether it may as well be nothing."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU µs of a call over the plainest configuration, and what a call makes the interpreter do."""

    feature: str
    over: Estimate
    count: Count


@dataclass(frozen=True, slots=True)
class Costs:
    """What a call takes in the plainest configuration, and what each feature adds."""

    plainest: float
    count: Count
    features: Sequence[Cost] = ()


@dataclass(slots=True)
class Slices:
    """CPU µs a call of the plainest configuration, and each feature's share of it, a number for each slice."""

    plainest: list[float] = field(default_factory=list)
    shares: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, plain: Sequence[float], found: Mapping[str, float]) -> None:
        """Slices of features, each taken between two of `plain`: so a drift of the machine cancels out."""
        self.plainest += plain
        for (name, value), before, after in zip(found.items(), plain, plain[1:], strict=False):
            self.shares[name].append(2 * value / (before + after))

    def estimates(self) -> Mapping[str, Estimate]:
        """What each feature adds, in µs."""
        base = statistics.median(self.plainest)
        return {name: estimated([(share - 1) * base for share in shares]) for name, shares in self.shares.items()}


def costs(made: Bench, rounds: int) -> Costs | None:
    """All features, in rounds of new processes; None when the plainest configuration could not be measured."""
    counts, slices = all_counted(), Slices()
    for _ in range(rounds):
        with ExitStack() as stack:
            started = start_all(made, stack, tuple(counts))
            if PLAINEST not in started:
                return None
            for _ in range(TURNS):
                in_turns(made, started, slices)
    if not slices.plainest:
        return None
    features = [Cost(name, over, counts[name]) for name, over in slices.estimates().items()]
    return Costs(statistics.median(slices.plainest), counts[PLAINEST], features)


def all_counted() -> dict[str, Count]:
    """What a call takes with each feature. One that does not work is said and left out."""
    found = {}
    for name, configured in FEATURES.items():
        try:
            found[name] = counted(configured)
        except (NovaError, FailedCallsError) as error:
            print(f"{name}: not measured: {error}", flush=True)
    return found


def start_all(made: Bench, stack: ExitStack, names: Sequence[str]) -> dict[str, Running]:
    """A process for each configuration. One that does not start is said and left out."""
    started = {}
    for name in names:
        try:
            started[name] = stack.enter_context(made.started(replace(NOVA, name=name, launch=FEATURES[name])))
        except StartError as error:
            print(f"{name}: not measured: {error}", flush=True)
    return started


def in_turns(
    made: Bench, started: Mapping[str, Running], slices: Slices, *, base: str = PLAINEST, load: Row = SLICE
) -> None:
    """A slice for each feature, each between slices of the plainest (`base`), while the others stand still.

    A turn in which one cannot be loaded is said and left out.
    """

    def slice_of(running: Running) -> float:
        with alone(running, tuple(started.values())):
            return made.round(load, running).cpu_call

    try:
        plain, found = [slice_of(started[base])], {}
        for name, running in started.items():
            if name != base:
                found[name] = slice_of(running)
                plain.append(slice_of(started[base]))
    except StartError as error:
        print(f"a turn does not count: {error}", flush=True)
        return
    slices.add(plain, found)


def estimated(values: Sequence[float]) -> Estimate:
    """Their median, between two of them: whatever the distribution, the true one lies there but for `DOUBT`.

    Fewer than six say less than that; the interval holds all of them.
    """
    ordered, outside = sorted(values), 0
    while 2 * sum(comb(len(ordered), at) for at in range(outside + 1)) <= DOUBT * 2 ** len(ordered):
        outside += 1
    last = max(outside, 1)
    return Estimate(statistics.median(ordered), ordered[last - 1], ordered[-last])


def counted(configured: Configured) -> Count:
    """What a call of the same load takes of a gateway in this process."""
    body = SMALL.body(NOVA.model)
    request = HEAD.format(path=SMALL.path, key=KEY, length=len(body)).encode() + body
    with (
        tempfile.TemporaryDirectory(prefix="nova-bench-") as folder,
        asyncio.Runner(loop_factory=loop_factory()) as runner,
    ):
        return runner.run(counted_call(lambda upstream: written(Path(folder), configured.text(upstream)), request))
