"""Memory at rest and under a thousand streams, seconds from start to ready, and what an import takes."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.import_time import import_time_ms
from benchmarks.processes import Launch, StartError
from benchmarks.readings import memory_mb
from benchmarks.rounds import Bench, Running
from benchmarks.rows import MANY_STREAMS, SMALL
from benchmarks.servers.contender import Contender, Site
from benchmarks.servers.nova import NOVA, serve

SETTLE_SECONDS = 2.0
STARTS = 5
ECHO = "model_list: [{model_name: echo, params: {model: echo/echo}}]\n"


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory in MiB. `cut` counts streams that could not be opened or broke."""

    idle: float
    streams: float
    chunks: float
    cut: int


def footprint(made: Bench, contender: Contender) -> Footprint:
    """Of a contender that was just started. Raises StartError."""
    with made.started(contender) as under:
        time.sleep(SETTLE_SECONDS)
        idle = memory_mb(under.pid)
        made.round(SMALL, under, seconds=1.0)
        peak, report = under_streams(made, under)
    return Footprint(idle, peak, report["events"] / report["seconds"], int(report["cut"] + report["refused"]))


def under_streams(made: Bench, under: Running) -> tuple[float, dict[str, float]]:
    """The most memory while a thousand streams run, and the report of the load."""
    load = made.load(MANY_STREAMS, under)
    assert load.stdout is not None
    peak = 0.0
    while load.poll() is None:
        peak = max(peak, memory_mb(under.pid))
        time.sleep(0.1)
    said = load.stdout.read().splitlines()
    if load.returncode or not said:
        raise StartError("could not be loaded with streams")
    return peak, json.loads(said[-1])


def ready_seconds(made: Bench, contender: Contender) -> float:
    """Median seconds from start to ready; this gateway with the echo provider. Raises StartError."""
    timed = replace(contender, launch=serve_echo) if contender is NOVA else contender
    times = []
    for _ in range(STARTS if contender is NOVA else 3):
        with made.started(timed) as under:
            times.append(under.ready)
    return statistics.median(times)


def serve_echo(site: Site) -> Launch:
    return serve(site, ECHO)


def import_seconds(python: Sequence[str] = ()) -> float:
    """Median seconds of `import nova_core`, or of another interpreter's command that prints milliseconds."""
    if not python:
        import_time_ms()
        return statistics.median(import_time_ms() for _ in range(9)) / 1000
    times = [float(subprocess.run(python, capture_output=True, text=True, check=True).stdout) for _ in range(4)]
    return statistics.median(times[1:]) / 1000
