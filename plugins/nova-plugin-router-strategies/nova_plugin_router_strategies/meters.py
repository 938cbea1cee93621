"""What this process has seen of each deployment: calls that run, usage of the minute, latencies."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import exp

from nova_plugin_router_strategies.plans import LatencyArgs
from nova_plugin_router_strategies.ranking import Seen, Used

MINUTE = 60.0


class Busy:
    """Calls that run, by deployment id; those that run none are not in it."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def begin(self, id: str) -> None:
        """One more."""
        self.counts[id] = self.counts.get(id, 0) + 1

    def end(self, id: str) -> None:
        """One less."""
        left = self.counts.get(id, 0) - 1
        if left > 0:
            self.counts[id] = left
        else:
            self.counts.pop(id, None)


class Usage:
    """Requests and tokens of the minute that a deployment's first request opened, and since the start."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[float, int, int]] = {}
        self.totals: dict[str, Used] = {}

    def add(self, id: str, requests: int, tokens: int) -> None:
        """Count."""
        now = self._clock()
        opened, had_requests, had_tokens = self._windows.get(id, (now, 0, 0))
        if now - opened >= MINUTE:
            opened, had_requests, had_tokens = now, 0, 0
        self._windows[id] = opened, had_requests + requests, had_tokens + tokens
        total_requests, total_tokens = self.totals.get(id, (0, 0))
        self.totals[id] = total_requests + requests, total_tokens + tokens

    def current(self) -> dict[str, Used]:
        """What is used in windows that are still open."""
        since = self._clock() - MINUTE
        return {id: (requests, tokens) for id, (at, requests, tokens) in self._windows.items() if at > since}


class Latencies:
    """Latencies by deployment id: a moving average that follows peaks at once, or a percentile of the latest."""

    def __init__(self, args: LatencyArgs, percentile: float | None = None) -> None:
        self._args = args
        self._percentile = percentile
        self._samples: dict[str, deque[float]] = {}
        self.seen: dict[str, Seen] = {}

    def add(self, id: str, latency: float, at: float) -> None:
        """One more answer, heard of at this monotonic second."""
        if self._percentile is not None:
            samples = self._samples.setdefault(id, deque(maxlen=self._args.samples))
            samples.append(latency)
            place = round((len(samples) - 1) * self._percentile / 100)
            self.seen[id] = sorted(samples)[place], at
            return
        value, before = self.seen.get(id, (0.0, at))
        if latency < value:
            kept = exp(min(0.0, (before - at) / self._args.decay))
            latency = value * kept + latency * (1.0 - kept)
        self.seen[id] = latency, at
