"""Counts and writes down finished calls in batches: one loop over many costs far less than many visits to each."""

from __future__ import annotations

import asyncio

from nova_core.gateway.decisions import DecisionStore
from nova_core.server.access_log import AccessLog
from nova_core.server.metrics import Metrics
from nova_core.types.call import CallRecord

PAUSE_SECONDS = 0.05
MOST_PENDING = 256
FEW_PENDING = 128
FEW_AT_ONCE = 8
"""How many a round of the loop takes while few come: whoever is served meanwhile does not wait for all of them.

Where many come, all calls wait for each other anyway, and one long loop leaves the processor more time for them.
"""


class Ledger:
    """A watcher of the gateway. Where somebody else listens to the log of calls, each is written at once."""

    def __init__(self, metrics: Metrics, access: AccessLog, decisions: DecisionStore) -> None:
        self._metrics = metrics
        self._access = access
        self._decisions = decisions
        self._pending: list[CallRecord] = []
        self._gathers = False
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
            self._metrics.share()

    def _go_on(self) -> None:
        """Count and write down what has gathered: some now and the others soon, if it is not much."""
        pending = self._pending
        if not FEW_AT_ONCE < len(pending) <= FEW_PENDING:
            self.settle()
            return
        self._pending = pending[FEW_AT_ONCE:]
        self._write(pending[:FEW_AT_ONCE])
        asyncio.get_running_loop().call_soon(self._go_on)

    def _write(self, records: list[CallRecord]) -> None:
        self._gathers = self._access.may_wait
        self._metrics.count(records)
        self._access.write(records)
        self._decisions.keep(records)
