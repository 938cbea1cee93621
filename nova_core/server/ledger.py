"""Counts and writes down finished calls in batches: one loop over many costs far less than many visits to each."""

from __future__ import annotations

import asyncio

from nova_core.gateway.decisions import DecisionStore
from nova_core.server.access_log import AccessLog
from nova_core.server.metrics import Metrics
from nova_core.types.call import CallRecord

PAUSE_SECONDS = 0.05
MOST_PENDING = 256


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
            asyncio.get_running_loop().call_later(PAUSE_SECONDS, self.settle)

    def settle(self) -> None:
        """Count and write down what has gathered."""
        pending, self._pending = self._pending, []
        self._gathers = self._access.may_wait
        if pending:
            self._metrics.count(pending)
            self._metrics.share()
            self._access.write(pending)
            self._decisions.keep(pending)
