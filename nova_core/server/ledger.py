"""Counts and writes down finished calls in batches: one loop over many costs far less than many visits to each."""

from __future__ import annotations

import asyncio
import time

from nova_core.gateway.decisions import DecisionStore
from nova_core.server.access_log import AccessLog
from nova_core.server.metrics import Metrics
from nova_core.types.call import CallRecord

PAUSE_SECONDS = 0.05
MOST_PENDING = 256
LEAST_AT_ONCE = 8
PART_AT_ONCE = 4
"""A round of the loop takes a fourth of what has gathered: whoever is served meanwhile does not wait for all of it."""


class Ledger:
    """A watcher of the gateway. Where somebody else listens to the log of calls, each is written at once."""

    def __init__(self, metrics: Metrics, access: AccessLog, decisions: DecisionStore) -> None:
        self._metrics = metrics
        self._access = access
        self._decisions = decisions
        self._pending: list[CallRecord] = []
        self._gathers = False
        self._shared = 0.0
        metrics.settle = decisions.settle = self.settle

    def finished(self, record: CallRecord) -> None:
        """Take in one call."""
        pending = self._pending
        pending.append(record)
        if not self._gathers or len(pending) >= MOST_PENDING:
            self.settle()
        elif len(pending) == 1:
            asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._go_on)

    def settle(self) -> None:
        """Count and write down all that has gathered."""
        pending, self._pending = self._pending, []
        if pending:
            self._write(pending)
            self._share()

    def _go_on(self) -> None:
        """Count and write down the first of what has gathered, and soon the others."""
        pending = self._pending
        count = max(LEAST_AT_ONCE, len(pending) // PART_AT_ONCE)
        first, self._pending = pending[:count], pending[count:]
        self._write(first)
        if self._pending:
            asyncio.get_running_loop().call_soon(self._go_on)
        if not self._pending or time.monotonic() - self._shared >= PAUSE_SECONDS:
            self._share()

    def _share(self) -> None:
        self._shared = time.monotonic()
        self._metrics.share()

    def _write(self, records: list[CallRecord]) -> None:
        self._gathers = self._access.may_wait
        self._metrics.count(records)
        self._access.write(records)
        self._decisions.keep(records)
