"""A profile: microseconds of CPU a call, by stage and by function."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict, dataclass
from typing import Any

from nova_core.cli.profiling.sampler import Sampler
from nova_core.cli.profiling.scene import Load, Spent, spend
from nova_core.cli.profiling.stages import CALLER, OTHER, OUTSIDE, STAGES, StageTable
from nova_core.server.running import loop_factory


@dataclass(frozen=True, slots=True)
class Function:
    """What a function itself, and what it calls in C, took."""

    stage: str
    name: str
    microseconds: float


@dataclass(frozen=True, slots=True)
class Profile:
    """Microseconds of CPU a call, or a chunk of a streamed one.

    Callers and upstream, which run in the same process, are left out. `event loop` is what ran under no function of the
    gateway; it serves callers and upstream as well.
    """

    stages: dict[str, float]
    functions: tuple[Function, ...]
    samples: int
    failures: int

    @property
    def call(self) -> float:
        """All stages."""
        return sum(self.stages.values())

    def as_dict(self, functions: int) -> dict[str, Any]:
        """For JSON."""
        listed = [asdict(each) for each in self.functions[:functions]]
        return {"microseconds": self.call, "stages": self.stages, "samples": self.samples, "functions": listed}


def measured(load: Load) -> Profile:
    """Run the load under a sampler."""
    sampler = Sampler(StageTable(STAGES), other=OTHER)
    with open(os.devnull, "w", encoding="utf-8") as log, asyncio.Runner(loop_factory=loop_factory()) as runner:
        spent = runner.run(spend(load, sampler, log))
    return profile_of(sampler, spent, load.chunks or 1)


def profile_of(sampler: Sampler, spent: Spent, pieces: int) -> Profile:
    """The CPU time that was spent, shared out as the samples fell, for each of the pieces of a call."""
    samples = sampler.stages.total()
    each = spent.seconds / max(samples, 1) / spent.calls / pieces * 1e6
    names = [stage for stage in (*STAGES, OTHER) if stage not in {OUTSIDE, CALLER}]
    functions = [
        Function(stage, f"{module}:{name}", count * each)
        for (stage, module, name), count in sampler.functions.most_common()
        if stage != OUTSIDE
    ]
    stages = {stage: sampler.stages[stage] * each for stage in names}
    return Profile(stages, tuple(functions), samples, spent.failures)
