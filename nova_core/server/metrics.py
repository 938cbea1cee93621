"""Prometheus metrics: one process's tally, or those of all workers of a machine added up."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nova_core._version import __version__
from nova_core.errors import NovaError
from nova_core.gateway.gateway import Gateway
from nova_core.server.tally import KINDS, SECONDS, SHORT_SECONDS, Counting, Histogram, Labels, Tally
from nova_core.types.call import Call, CallRecord

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
SHARED_FOLDER = "NOVA_METRICS_FOLDER"
"""The environment variable with the folder in which the workers of one machine keep their tallies."""
OTHER = "other"

BY_CALL = ("operation", "model_group")
BY_DEPLOYMENT = ("model_group", "deployment", "provider")
IN_FLIGHT, SOCKETS, ILL = "in_flight", "sockets", "ill"


class Metrics:
    """Counts calls. `settle` is what to call before counts are read; `refused` counts what never became a call."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._counting = Counting(Tally())
        self.settle: Callable[[], None] = lambda: None
        self._file = f"{os.getpid()}-{time.time_ns()}.tally"

    def count(self, records: Iterable[CallRecord]) -> None:
        """Count finished calls and their attempts."""
        counted, groups = self._counting.call, self._gateway.runtime.catalog.groups
        for record in records:
            call = record.call
            deployment, group = call.deployment, call.group
            if deployment is None:
                cell = counted(record, self._known(group), "", "")
            else:
                group = group if group in groups else self._known(deployment.group)
                cell = counted(record, group, deployment.id, deployment.provider)
            attempts = call.attempts
            if len(attempts) == 1 and attempts[0].error is record.error and attempts[0].deployment is deployment:
                cell.attempts += 1
                continue
            for attempt in attempts:
                tried = attempt.deployment
                group = self._known(attempt.group, tried.group)
                self._counting.attempt(group, tried.id, tried.provider, attempt.error)

    def refused(self, operation: str, error: NovaError) -> None:
        """Count a request that never became a call."""
        self._counting.refused(operation, OTHER, error)

    def first_chunk(self, call: Call) -> None:
        """A stream is about to be written: its first chunk is there."""
        groups = (call.group,) if call.deployment is None else (call.group, call.deployment.group)
        self._counting.first_chunk(call.operation, self._known(*groups), time.monotonic() - call.started)

    def observe_process(self) -> None:
        """Bring the gauges up to date, and show the other workers what this one has counted."""
        self.settle()
        gauges = self._counting.tally.gauges
        gauges[IN_FLIGHT,] = self._gateway.in_flight
        for id, problem in self._health():
            gauges[ILL, *id] = float(problem)
        try:
            stats = self._gateway.transport.stats()
        except RuntimeError:
            pass  # not started, or stopped: there are no sockets
        else:
            gauges[SOCKETS, "open"] = stats.open
            gauges[SOCKETS, "idle"] = stats.idle
        self.share()

    def _health(self) -> Iterator[tuple[Labels, bool]]:
        board, catalog = self._gateway.health, self._gateway.runtime.catalog
        for id in board.ids():
            deployment = catalog.by_id.get(id)
            if deployment is not None:
                for by, finding in board.findings(id).items():
                    yield (deployment.group, id, deployment.provider, by), finding.problem is not None

    def share(self) -> None:
        """Show the other workers of this machine, if there are any, what this one has counted."""
        folder = os.environ.get(SHARED_FOLDER)
        if folder:
            _write(Path(folder, self._file), self._counting.tally)

    def render(self) -> bytes:
        """The text that Prometheus scrapes; with several workers the sum of all of them."""
        from prometheus_client import CollectorRegistry, generate_latest

        self.observe_process()
        folder = os.environ.get(SHARED_FOLDER)
        tally = _together(folder) if folder else self._counting.tally
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(tally))
        return generate_latest(registry)

    def _known(self, *names: str) -> str:
        """The first of the names that is a configured group; names that callers make up are all `other`."""
        groups = self._gateway.runtime.catalog.groups
        for name in names:
            if name in groups:
                return name
        return OTHER


class _Families:
    """A tally as the client library collects it."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        for name, text, labels, found in _counters(self._tally):
            family: Any = CounterMetricFamily(name, text, labels=labels)
            for values, count in found.items():
                family.add_metric(values, count)
            yield family
        for name, text, labels, observed, bounds in _histograms(self._tally):
            family = HistogramMetricFamily(name, text, labels=labels)
            for values, histogram in observed.items():
                family.add_metric(values, _cumulated(histogram, bounds), histogram.total)
            yield family
        gauges = self._tally.gauges
        yield GaugeMetricFamily("nova_in_flight_requests", "Calls running now.", gauges.get((IN_FLIGHT,), 0))
        sockets = GaugeMetricFamily("nova_upstream_sockets", "Sockets to upstreams.", labels=("state",))
        for state in ("open", "idle"):
            sockets.add_metric((state,), gauges.get((SOCKETS, state), 0))
        yield sockets
        ill = GaugeMetricFamily(
            "nova_deployment_ill", "Deployments that a check found ill.", labels=(*BY_DEPLOYMENT, "by")
        )
        for labels, value in gauges.items():
            if labels[0] == ILL:
                ill.add_metric(labels[1:], min(1.0, value))
        yield ill
        info = GaugeMetricFamily("nova_build_info", "The version that is running.", labels=("version",))
        info.add_metric((__version__,), 1)
        yield info


def _counters(tally: Tally) -> Iterator[tuple[str, str, Labels, dict[Labels, float]]]:
    requests: dict[Labels, float] = defaultdict(float)
    tokens: dict[Labels, float] = defaultdict(float)
    spend: dict[Labels, float] = defaultdict(float)
    attempts: dict[Labels, float] = defaultdict(float, tally.attempts)
    for key, cell in tally.cells.items():
        where, status = key[1:4], key[4]
        if cell.calls:
            requests[key] += cell.calls
        if cell.attempts:
            attempts[*where, status] += cell.attempts
        if cell.spend:
            spend[where] += cell.spend
        for kind, count in zip(KINDS, cell.tokens, strict=True):
            if count:
                tokens[*where, kind] += count
    failures: dict[Labels, float] = dict(tally.failures)
    by_call = (*BY_CALL, "deployment", "provider", "status")
    yield "nova_requests", "Calls by their HTTP status.", by_call, requests
    yield "nova_failures", "Calls that failed.", (*BY_CALL, "error", "status"), failures
    yield "nova_tokens", "Tokens used.", (*BY_DEPLOYMENT, "kind"), tokens
    yield "nova_spend_usd", "Cost at the configured prices.", BY_DEPLOYMENT, spend
    yield "nova_attempts", "Attempts at deployments by outcome.", (*BY_DEPLOYMENT, "status"), attempts


def _histograms(tally: Tally) -> Iterator[tuple[str, str, Labels, dict[Labels, Histogram], tuple[float, ...]]]:
    latency: dict[Labels, Histogram] = defaultdict(lambda: Histogram.of(SECONDS))
    upstream: dict[Labels, Histogram] = defaultdict(lambda: Histogram.of(SECONDS))
    overhead: dict[Labels, Histogram] = defaultdict(lambda: Histogram.of(SHORT_SECONDS))
    for key, cell in tally.cells.items():
        if any(cell.latency.buckets):
            latency[key[:2]].add(cell.latency)
        if any(cell.upstream.buckets):
            upstream[key[1:4]].add(cell.upstream)
        if any(cell.overhead.buckets):
            overhead[key[:1]].add(cell.overhead)
    yield "nova_request_seconds", "Whole calls.", BY_CALL, latency, SECONDS
    yield "nova_upstream_seconds", "Time spent waiting for upstreams.", BY_DEPLOYMENT, upstream, SECONDS
    yield "nova_overhead_seconds", "The gateway's own part of a call.", ("operation",), overhead, SHORT_SECONDS
    first_chunk = "Until the first chunk of a stream."
    yield "nova_first_chunk_seconds", first_chunk, BY_CALL, tally.first_chunk, SECONDS


def forget_process(pid: int) -> None:
    """Keep what a worker that has ended counted; nothing of it runs any more."""
    folder = os.environ.get(SHARED_FOLDER)
    for file in Path(folder).glob(f"{pid}-*.tally") if folder else ():
        tally = _read(file)
        tally.gauges.clear()
        _write(file, tally)


def _cumulated(histogram: Histogram, bounds: tuple[float, ...]) -> list[tuple[str, float]]:
    names = [*(str(bound) for bound in bounds), "+Inf"]
    return list(zip(names, accumulate(histogram.buckets), strict=True))


def _together(folder: str) -> Tally:
    total = Tally()
    for file in sorted(Path(folder).glob("*.tally")):
        total.add(_read(file))
    return total


def _write(file: Path, tally: Tally) -> None:
    """Replace the file at once: whoever reads it sees the old counts or the new ones."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(msgspec.msgpack.encode(tally))
    fresh.replace(file)


def _read(file: Path) -> Tally:
    return msgspec.msgpack.decode(file.read_bytes(), type=Tally)
