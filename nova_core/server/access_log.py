"""One line for every call: who, what, where to, how it went and what it used; never bodies or keys."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from nova_core.errors import NovaError
from nova_core.types.call import CallRecord

logger = logging.getLogger("nova.access")
fault = logging.getLogger("nova.server")

MOST_TEXT = 256
HEALTH = "/health"
"""Probes of deployments are calls too; all other calls are posted."""
FIELDS = "nova_fields"
"""The attribute of a log record that carries fields; see `logs`."""


class AccessLog:
    """Writes the lines; `enabled` is asked for each call, since a reload may change it."""

    def __init__(self, enabled: Callable[[], bool]) -> None:
        self._enabled = enabled

    def finished(self, record: CallRecord) -> None:
        """A watcher of the gateway. Child calls are part of their parent's line."""
        if record.call.parent is not None or not self._enabled() or not logger.isEnabledFor(logging.INFO):
            return
        try:
            self._write(fields_of(record))
        except Exception:
            fault.exception("call %s: the access log could not be written", record.call.id)

    def refused(
        self, call_id: str, method: str, path: str, *, error: NovaError, name: str | None, seconds: float
    ) -> None:
        """A request that never became a call."""
        fields = {
            "call_id": call_id,
            "method": method,
            "path": path,
            "status": error.status,
            "principal": name,
            "error": error.code,
            "ms": _milliseconds(seconds),
        }
        self._write({key: value for key, value in fields.items() if value is not None})

    def _write(self, fields: dict[str, Any]) -> None:
        """Texts are cut: a model's name is whatever the caller says it is."""
        short = {key: value[:MOST_TEXT] if isinstance(value, str) else value for key, value in fields.items()}
        logger.info("call", extra={FIELDS: short})


def fields_of(record: CallRecord) -> dict[str, Any]:
    """The line's fields; what is unknown is left out. `cost` in US dollars, `ms` in milliseconds."""
    call, usage, error = record.call, record.usage, record.error
    said = call.reply_headers  # of a batch that was split, or an answer from a cache
    groups = {attempt.group for attempt in call.attempts}
    fields: dict[str, Any] = {
        "call_id": call.id,
        "method": "GET" if call.route.startswith(HEALTH) else "POST",
        "path": call.route,
        "status": record.status,
        "model": call.model,
        "group": call.group if call.group != call.model else None,
        "deployment": call.deployment.id if call.deployment is not None else said.get("model-id"),
        "principal": call.principal.name or call.principal.id,
        "stream": record.streamed or None,
        "input_tokens": usage.input_total if usage is not None else None,
        "output_tokens": usage.output_total if usage is not None else None,
        "cost": f"{record.cost:f}" if record.cost is not None else None,
        "ms": _milliseconds(record.seconds),
        "upstream_ms": _milliseconds(record.upstream_seconds),
        "retries": max(0, len(call.attempts) - len(groups)) or None,
        "fallbacks": call.fallbacks or None,
        "dropped": list(call.fidelity.dropped) or None,
        "space": call.space.name if call.space is not None else said.get("embedding-space"),
        "error": error.code if error is not None else None,
        "error_type": type(error).__name__ if error is not None else None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
