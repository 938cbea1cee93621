"""Two workers on two cores against one worker on one."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace

from benchmarks.processes import GATEWAY_CORE, LOAD_CORE
from benchmarks.rounds import Bench
from benchmarks.rows import SMALL
from benchmarks.servers.contender import Contender

WIDE = replace(SMALL, name="workers", title="two workers", connections=64)


@dataclass(frozen=True, slots=True)
class Scaling:
    """Requests a second of one and of two workers, and requests a second of gateway CPU.

    Where load and upstream need a core of their own and there are only two, two workers cannot reach twice the rate
    of one: `factor` is therefore what two cores of gateway CPU would serve over what one serves, from the CPU time a
    request took in either case, and `rate_factor` is the plain quotient of the rates.
    """

    one: float
    two: float
    cpu_one: float
    cpu_two: float

    @property
    def factor(self) -> float:
        return 2 * self.cpu_one / self.cpu_two

    @property
    def rate_factor(self) -> float:
        return self.two / self.one


def scaling(made: Bench, contender: Contender, rounds: int) -> Scaling:
    """Interleaved rounds of one worker and two. Raises StartError."""
    both = (GATEWAY_CORE, LOAD_CORE)
    with made.started(contender) as one, made.started(contender, workers=2, core=both) as two:
        found = [(made.round(WIDE, one), made.round(WIDE, two)) for _ in range(rounds)]
    return Scaling(
        one=statistics.median(single.rate for single, _ in found),
        two=statistics.median(double.rate for _, double in found),
        cpu_one=statistics.median(single.cpu_call for single, _ in found),
        cpu_two=statistics.median(double.cpu_call for _, double in found),
    )
