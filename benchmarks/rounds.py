"""Interleaved rounds of load, what each cost, and which of them were disturbed."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.binaries import Binaries
from benchmarks.processes import GATEWAY_CORE, LOAD_CORE, Launch, StartError, free_port, pinned, running
from benchmarks.readings import Core, cores, cpu_seconds
from benchmarks.rows import Figure, Row
from benchmarks.servers.contender import Contender, Site

OTHERS_ON_GATEWAY_CORE = 0.04
OTHERS_ON_LOAD_CORE = 0.10
STOLEN = 0.02
DIRECT = "direct"
FAILURES = ("bad_status", "mixed", "lost", "cut", "refused", "unfinished")


@dataclass(frozen=True, slots=True)
class Running:
    """A contender that has been started, and the seconds that took."""

    contender: Contender
    site: Site
    pid: int
    ready: float = 0.0


@dataclass(frozen=True, slots=True)
class Round:
    """One round: microseconds of CPU, requests a second, latencies in µs, failures by kind."""

    cpu_call: float
    cpu_event: float
    rate: float
    events: float
    answers: int
    p50: float
    p99: float
    failures: dict[str, int]
    disturbed: str
    said: str
    gateway_busy: float
    load_busy: float


@dataclass(frozen=True, slots=True)
class Result:
    """All rounds of one contender in one row."""

    rounds: tuple[Round, ...]

    @property
    def quiet(self) -> tuple[Round, ...]:
        """Rounds that count: the undisturbed ones where there are at least three, else all."""
        quiet = tuple(each for each in self.rounds if not each.disturbed)
        return quiet if len(quiet) >= 3 else self.rounds

    @property
    def is_disturbed(self) -> bool:
        return any(each.disturbed for each in self.quiet)

    @property
    def failures(self) -> dict[str, int]:
        """What went wrong, over all rounds."""
        kinds = {kind: sum(each.failures[kind] for each in self.rounds) for kind in FAILURES}
        return {kind: count for kind, count in kinds.items() if count}

    def median(self, name: str) -> float:
        """Median of a number of the rounds that count."""
        return float(statistics.median(getattr(each, name) for each in self.quiet))

    @property
    def said(self) -> str:
        """The first answer that was not 200."""
        return next((each.said for each in self.rounds if each.said), "")

    @property
    def answers(self) -> int:
        return sum(each.answers for each in self.rounds)


class Bench:
    """The upstream, the contenders in front of it, and the load."""

    def __init__(self, binaries: Binaries, folder: Path, upstream: int, upstream_pid: int) -> None:
        self._load = binaries.load
        self._folder = folder
        self._upstream_pid = upstream_pid
        self.upstream = upstream
        self._stack = ExitStack()

    def start(self, contender: Contender, *, workers: int = 1, core: Sequence[int] = (GATEWAY_CORE,)) -> Running:
        """Start a contender until the bench is closed. Raises StartError."""
        return self._stack.enter_context(self.started(contender, workers=workers, core=core))

    @contextmanager
    def started(
        self, contender: Contender, *, workers: int = 1, core: Sequence[int] = (GATEWAY_CORE,)
    ) -> Iterator[Running]:
        """A contender for the time of the block. Raises StartError."""
        folder = Path(tempfile.mkdtemp(prefix=contender.name, dir=self._folder))
        folder.chmod(0o755)
        site = Site(folder, self.upstream, free_port(), workers)
        launch = contender.launch(site)
        begun = time.monotonic()
        with running(launch, site.port, folder / "log", core) as process:
            yield Running(contender, site, process.pid, time.monotonic() - begun)

    def direct(self) -> Running:
        """The upstream without anything before it: what load and upstream can do, and cost, alone."""
        alone = Contender(DIRECT, "load and upstream alone", lambda: "", lambda site: Launch([]), model="up")
        return Running(alone, Site(self._folder, 0, self.upstream), self._upstream_pid)

    def close(self) -> None:
        self._stack.close()

    def behave(self, row: Row) -> None:
        """Tell the upstream how to answer. Raises StartError when it does not listen any more."""
        query = "&".join(f"{name}={value}" for name, value in row.behaviour.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=10)
        try:
            connection.request("PUT", f"/behave?{query}")
            connection.getresponse().read()
        except OSError as error:
            raise StartError(f"the upstream is gone: {error}") from error
        finally:
            connection.close()

    def round(self, row: Row, under: Running, seconds: float | None = None) -> Round:
        """One round. The window begins when the load has warmed up. Raises StartError when it cannot be loaded."""
        load = self.load(row, under, seconds)
        assert load.stdout is not None and load.stderr is not None
        if load.stdout.readline().strip() != b"begin":
            raise StartError(f"could not be loaded: {load.stderr.read().decode(errors='replace').strip()}")
        before = self._reading(under, load.pid)
        report = load.stdout.readline()
        after = self._reading(under, load.pid)
        if load.wait(20) or not report:
            raise StartError(f"could not be loaded: {load.stderr.read().decode(errors='replace').strip()}")
        said = load.stderr.read().decode(errors="replace").strip()
        load.stdout.close()
        load.stderr.close()
        return told(json.loads(report), before, after, said)

    def load(self, row: Row, under: Running, seconds: float | None = None) -> subprocess.Popen[bytes]:
        """Start the load of a row; it prints `begin`, and a report at its end."""
        self.behave(row)
        contender = under.contender
        body = self._folder / "body"
        body.write_bytes(row.body(contender.model))
        connections = contender.streams if row.figure is Figure.EVENT else row.connections
        command = [str(self._load), "--port", str(under.site.port), "--path", row.path, "--body", str(body)]
        command += ["--connections", str(connections), "--seconds", str(seconds or row.seconds), *row.options]
        for header in contender.headers(under.site):
            command += ["--header", header]
        return subprocess.Popen(pinned(command, (LOAD_CORE,)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def _reading(self, under: Running, load: int) -> Reading:
        gateway = cpu_seconds(under.pid) if under.pid != self._upstream_pid else 0.0
        return Reading(gateway, cpu_seconds(load) + cpu_seconds(self._upstream_pid), cores())


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU seconds of the gateway, of load and upstream, and of the cores."""

    gateway: float
    load: float
    cores: dict[int, Core]


def told(report: dict[str, float], before: Reading, after: Reading, said: str) -> Round:
    """The round that a report of the load generator and two readings tell of."""
    seconds, gateway, load = report["seconds"], after.gateway - before.gateway, after.load - before.load
    answers = int(report["answers"])
    return Round(
        cpu_call=gateway / max(answers, 1) * 1e6,
        cpu_event=gateway / max(report["events"], 1) * 1e6,
        rate=answers / seconds,
        events=report["events"] / seconds,
        answers=answers,
        p50=report["p50"],
        p99=report["p99"],
        failures={kind: int(report[kind]) for kind in FAILURES},
        disturbed=disturbance(before, after, seconds),
        said=said,
        gateway_busy=gateway / seconds,
        load_busy=load / seconds,
    )


def disturbance(before: Reading, after: Reading, seconds: float) -> str:
    """What else ran on the two cores, when it was more than a round can bear."""
    gateway, load = after.gateway - before.gateway, after.load - before.load
    busy = {core: (after.cores[core].busy - before.cores[core].busy) for core in after.cores}
    stolen = sum(after.cores[core].stolen - before.cores[core].stolen for core in after.cores)
    found = []
    if (others := (busy[GATEWAY_CORE] - gateway) / seconds) > OTHERS_ON_GATEWAY_CORE:
        found.append(f"others took {others:.0%} of the gateway's core")
    if (others := (busy[LOAD_CORE] - load) / seconds) > OTHERS_ON_LOAD_CORE:
        found.append(f"others took {others:.0%} of the load's core")
    if stolen / seconds > STOLEN:
        found.append(f"the host took {stolen / seconds:.0%}")
    return ", ".join(found)


@contextmanager
def bench(binaries: Binaries) -> Iterator[Bench]:
    """An upstream on the load's core, and a folder for files; all that is started in it ends with it."""
    if shutil.which("taskset") is None or (os.cpu_count() or 1) < 2:
        raise SystemExit("benchmarks: two cores are needed, and taskset (Linux)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started ends with us
    with tempfile.TemporaryDirectory(prefix="nova-bench-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        launch = Launch([str(binaries.upstream), str(port)], ready="/health")
        with running(launch, port, folder / "upstream.log", (LOAD_CORE,)) as process:
            made = Bench(binaries, folder, port, process.pid)
            try:
                yield made
            finally:
                made.close()


def interleaved(made: Bench, row: Row, contenders: Sequence[Running], count: int) -> dict[str, Result]:
    """`count` rounds of each contender in turns, each turn starting elsewhere.

    A contender that was disturbed gets up to half as many more; one that could not be loaded is left out.
    """
    found: dict[str, list[Round]] = {each.contender.name: [] for each in contenders}
    for number in range(count + (count + 1) // 2):
        if number >= count and all(quiet_enough(rounds, count) for rounds in found.values()):
            break
        turn = number % len(contenders)
        for each in (*contenders[turn:], *contenders[:turn]):
            rounds = found.get(each.contender.name)
            if rounds is None or (number >= count and quiet_enough(rounds, count)) or hopeless(rounds):
                continue
            try:
                with alone(each, contenders):
                    rounds.append(made.round(row, each))
            except StartError as error:
                print(f"{each.contender.name}: {error}", flush=True)
                del found[each.contender.name]
    return {name: Result(tuple(rounds)) for name, rounds in found.items()}


@contextmanager
def alone(measured: Running, contenders: Sequence[Running]) -> Iterator[None]:
    """Hold the other contenders still: one that could not keep up works on for minutes after its round."""
    others = [each.pid for each in contenders if each is not measured and each.contender.name != DIRECT]
    try:
        for pid in others:
            _signal(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in others:
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def hopeless(rounds: Sequence[Round]) -> bool:
    """Whether a round had no good answer: another one would only do harm."""
    return any(each.answers and each.failures["bad_status"] == each.answers for each in rounds)


def quiet_enough(rounds: Sequence[Round], count: int) -> bool:
    """Whether enough rounds were not disturbed."""
    return sum(1 for each in rounds if not each.disturbed) >= count
