"""Prometheus metrics of one process, in a registry of its own; labels are bounded by the configuration."""

from __future__ import annotations

import os
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from nova_core._version import __version__
from nova_core.errors import NovaError
from nova_core.gateway.gateway import Gateway
from nova_core.types.call import Call, CallRecord

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
)  # fmt: skip
SHORT_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"


class Metrics:
    """Counts calls. `finished` is a watcher of the gateway; `refused` counts what never became a call."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._registry = CollectorRegistry()
        one: dict[str, Any] = {"registry": self._registry}
        by_call = ("operation", "model_group")
        by_deployment = ("model_group", "deployment", "provider")
        self._requests = Counter(
            "nova_requests", "Calls by their HTTP status.", (*by_call, "deployment", "provider", "status"), **one
        )
        self._failures = Counter("nova_failures", "Calls that failed.", (*by_call, "error", "status"), **one)
        self._latency = Histogram("nova_request_seconds", "Whole calls.", by_call, buckets=SECONDS, **one)
        self._upstream = Histogram(
            "nova_upstream_seconds", "Time spent waiting for upstreams.", by_deployment, buckets=SECONDS, **one
        )
        self._overhead = Histogram(
            "nova_overhead_seconds", "The gateway's own part of a call.", ("operation",), buckets=SHORT_SECONDS, **one
        )
        self._first_chunk = Histogram(
            "nova_first_chunk_seconds", "Until the first chunk of a stream.", by_call, buckets=SECONDS, **one
        )
        self._tokens = Counter("nova_tokens", "Tokens used.", (*by_deployment, "kind"), **one)
        self._spend = Counter("nova_spend_usd", "Cost at the configured prices.", by_deployment, **one)
        self._attempts = Counter(
            "nova_attempts", "Attempts at deployments by outcome.", (*by_deployment, "status"), **one
        )
        gauge: dict[str, Any] = {"multiprocess_mode": "livesum", **one}
        self._in_flight = Gauge("nova_in_flight_requests", "Calls running now.", **gauge)
        self._sockets = Gauge("nova_upstream_sockets", "Sockets to upstreams.", ("state",), **gauge)
        self._info = Gauge(
            "nova_build_info", "The version that is running.", ("version",), multiprocess_mode="max", **one
        )
        self._info.labels(__version__).set(1)
        self._children: dict[tuple[Any, ...], Any] = {}

    def finished(self, record: CallRecord) -> None:
        """Count one call; of child calls only the attempts, and what was used in them."""
        call = record.call
        where = self._where(call)
        self._count_attempts(call)
        if call.attempts:
            self._count_usage(record, where)
        if call.deployment is not None and record.upstream_seconds and not _has_parts(call):
            self._child(self._upstream, *where).observe(record.upstream_seconds)
        if call.parent is not None:
            return
        group, status = where[0], str(record.status)
        self._child(self._requests, call.operation, *where, status).inc()
        self._child(self._latency, call.operation, group).observe(record.seconds)
        if not record.streamed:
            own = max(0.0, record.seconds - record.upstream_seconds)
            self._child(self._overhead, call.operation).observe(own)
        if record.error is not None:
            self._child(self._failures, call.operation, group, type(record.error).__name__, status).inc()

    def refused(self, operation: str, error: NovaError) -> None:
        """Count a request that never became a call."""
        status = str(error.status)
        self._child(self._requests, operation, OTHER, "", "", status).inc()
        self._child(self._failures, operation, OTHER, type(error).__name__, status).inc()

    def first_chunk(self, call: Call) -> None:
        """A stream is about to be written: its first chunk is there."""
        group = self._where(call)[0]
        self._child(self._first_chunk, call.operation, group).observe(time.monotonic() - call.started)

    def observe_process(self) -> None:
        """Bring the gauges up to date; asked from time to time and before each scrape."""
        self._in_flight.set(self._gateway.in_flight)
        try:
            stats = self._gateway.transport.stats()
        except RuntimeError:
            return
        self._sockets.labels("open").set(stats.open)
        self._sockets.labels("idle").set(stats.idle)

    def render(self) -> bytes:
        """The text that Prometheus scrapes; with several workers the sum of all of them."""
        self.observe_process()
        folder = os.environ.get(MULTIPROCESS)
        if not folder:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, path=folder)  # type: ignore[no-untyped-call]
        return generate_latest(together)

    def _count_usage(self, record: CallRecord, where: tuple[str, str, str]) -> None:
        usage = record.usage
        if usage is not None:
            for kind, count in (
                ("input", usage.input + usage.input_audio),
                ("cache_read", usage.cache_read),
                ("cache_write", usage.cache_write),
                ("output", usage.output_total - usage.reasoning),
                ("reasoning", usage.reasoning),
            ):
                if count:
                    self._child(self._tokens, *where, kind).inc(count)
        if record.cost is not None:
            self._child(self._spend, *where).inc(float(record.cost))

    def _count_attempts(self, call: Call) -> None:
        for attempt in call.attempts:
            status = str(attempt.error.status) if attempt.error is not None else "200"
            deployment = attempt.deployment
            group = self._known(attempt.group, deployment.group)
            self._child(self._attempts, group, deployment.id, deployment.provider, status).inc()

    def _where(self, call: Call) -> tuple[str, str, str]:
        """Group, deployment id and provider as labels; names that callers make up are all `other`."""
        deployment = call.deployment
        if deployment is None:
            return self._known(call.group), "", ""
        return self._known(call.group, deployment.group), deployment.id, deployment.provider

    def _known(self, *names: str) -> str:
        groups = self._gateway.runtime.catalog.groups
        return next((name for name in names if name in groups), OTHER)

    def _child(self, metric: Any, *labels: str) -> Any:
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child


def _has_parts(call: Call) -> bool:
    """A call that was split has no attempts of its own: its children's upstream time is theirs."""
    return not call.attempts


def forget_process(pid: int) -> None:
    """Drop the gauges of a worker that has ended."""
    if os.environ.get(MULTIPROCESS):
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
