"""One line for every call: who, what, where to, how it went and what it used; never bodies or keys."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec

from nova_core.errors import NovaError
from nova_core.types.call import Call, CallRecord
from nova_core.types.structural import follows

LOG = "nova.access"
logger = logging.getLogger(LOG)
fault = logging.getLogger("nova.server")

MOST_TEXT = 256
MOST_PLACES = 1000
HEALTH = "/health"
"""Probes of deployments are calls too; all other calls are posted."""
FIELDS = "nova_fields"
"""The attribute of a log record that carries fields; see `logs`."""
FIGURES = ("call_id", "status", "ms", "upstream_ms", "input_tokens", "output_tokens", "cost")
"""All that there is to say of a plain call's course."""
Figures = tuple[str, int, float, float, int, int, str]
"""Those of one call, in that order."""


@runtime_checkable
class Lines(Protocol):
    """A log handler that takes a line in rendered pieces, without a record being made for it."""

    def piece(self, fields: Mapping[str, Any]) -> str:
        """These fields as a part of a line."""
        ...

    def figures(self, figures: Figures) -> str:
        """These figures as a part of a line. The call's id and the cost have no characters that need quotes."""
        ...

    def line(self, name: str, message: str, created: float, *pieces: str) -> None:
        """Write one line of level INFO; `created` in Unix seconds."""
        ...


class AccessLog:
    """Writes the lines; `enabled` is asked for each call, since a reload may change it.

    Where the only handler is one that takes lines, no log record is made, and what many calls have in common is
    rendered once.
    """

    def __init__(self, enabled: Callable[[], bool]) -> None:
        self._enabled = enabled
        self._places: dict[tuple[object, ...], tuple[Lines, str]] = {}

    @property
    def may_wait(self) -> bool:
        """Whether nobody would notice that lines are written a little later."""
        return _only_handler() is not None

    def write(self, records: Iterable[CallRecord]) -> None:
        """A line for each finished call. Child calls are part of their parent's line."""
        if not self._enabled() or not logger.isEnabledFor(logging.INFO):
            return
        lines = _only_handler()
        for record in records:
            call = record.call
            if call.parent is not None:
                continue
            try:
                if lines is None:
                    logger.info("call", extra={FIELDS: fields_of(record)})
                else:
                    figures = figures_of(record)
                    course = lines.piece(course_of(record)) if figures is None else lines.figures(figures)
                    lines.line(LOG, "call", call.created + record.seconds, course, self._place(lines, call))
            except Exception:
                fault.exception("call %s: the access log could not be written", call.id)

    def _place(self, lines: Lines, call: Call) -> str:
        where = call.deployment.id if call.deployment is not None else None
        key = (call.route, call.model, call.group, where, call.space, call.principal.name, call.principal.id)
        known = self._places.get(key) if where is not None else None
        if known is not None and known[0] is lines:
            return known[1]
        piece = lines.piece(place_of(call))
        if where is not None:
            if len(self._places) >= MOST_PLACES:
                self._places.clear()
            self._places[key] = (lines, piece)
        return piece

    def refused(
        self, call_id: str, method: str, path: str, *, error: NovaError, name: str | None, seconds: float
    ) -> None:
        """A request that never became a call."""
        fields = {
            "call_id": call_id,
            "method": method,
            "path": path[:MOST_TEXT],
            "status": error.status,
            "principal": name,
            "error": error.code,
            "ms": _milliseconds(seconds),
        }
        _write({key: value for key, value in fields.items() if value is not None})


def _write(fields: dict[str, Any]) -> None:
    lines = _only_handler()
    if lines is None:
        logger.info("call", extra={FIELDS: fields})
    else:
        lines.line(LOG, "call", time.time(), lines.piece(fields))


def _only_handler() -> Lines | None:
    """The handler of the gateway's own log, unless anybody else listens to calls as well."""
    parent = logger.parent
    if logger.handlers or logger.filters or not logger.propagate or parent is None or parent.propagate:
        return None
    handlers: list[Any] = list(parent.handlers)
    return handlers[0] if len(handlers) == 1 and follows(handlers[0], Lines) else None


def fields_of(record: CallRecord) -> dict[str, Any]:
    """The line's fields; what is unknown is left out. `cost` in US dollars, `ms` in milliseconds."""
    return {**course_of(record), **place_of(record.call)}


def figures_of(record: CallRecord) -> Figures | None:
    """The course of a call that went well at once and counts nothing but tokens; None where there is more to say."""
    call, usage, cost = record.call, record.usage, record.cost
    if usage is None or cost is None or usage.units is not None or record.error is not None or record.streamed:
        return None
    if len(call.attempts) > 1 or call.fallbacks or call.fidelity.notes or call.reply_headers:
        return None
    seconds, waited = record.seconds, record.upstream_seconds
    totals = usage.input_total, usage.output_total
    return call.id, record.status, seconds * 1000, waited * 1000, *totals, f"{cost:f}"


def course_of(record: CallRecord) -> dict[str, Any]:
    """What is this call's own."""
    call, usage, error = record.call, record.usage, record.error
    fields: dict[str, Any] = {
        "call_id": call.id,
        "status": record.status,
        "ms": round(record.seconds * 1000, 3),
        "upstream_ms": round(record.upstream_seconds * 1000, 3),
    }
    if record.streamed:
        fields["stream"] = True
    if usage is not None:
        fields["input_tokens"] = usage.input_total
        fields["output_tokens"] = usage.output_total
        if usage.units is not None:
            fields |= {name: count for name, count in msgspec.structs.asdict(usage.units).items() if count}
    if record.cost is not None:
        fields["cost"] = f"{record.cost:f}"
    if len(call.attempts) > 1 and (retries := len(call.attempts) - len({a.group for a in call.attempts})):
        fields["retries"] = retries
    if call.fallbacks:
        fields["fallbacks"] = call.fallbacks
    if call.fidelity.notes and (dropped := call.fidelity.dropped):
        fields["dropped"] = list(dropped)
    if call.space is None and (space := call.reply_headers.get("embedding-space")) is not None:
        fields["space"] = space[:MOST_TEXT]
    if error is not None:
        fields["error"] = error.code
        fields["error_type"] = type(error).__name__
    return fields


def place_of(call: Call) -> dict[str, Any]:
    """What it shares with others: route, model, deployment, space, caller. Names are cut: callers make them up."""
    route = call.route
    fields: dict[str, Any] = {
        "method": "GET" if route.startswith(HEALTH) else "POST",
        "path": route[:MOST_TEXT],
        "model": call.model[:MOST_TEXT],
    }
    if call.group != call.model:
        fields["group"] = call.group[:MOST_TEXT]
    # A batch that was split, and an answer from a cache, have no deployment of their own.
    where = call.deployment.id if call.deployment is not None else call.reply_headers.get("model-id")
    if where is not None:
        fields["deployment"] = where[:MOST_TEXT]
    if call.space is not None:
        fields["space"] = call.space.name[:MOST_TEXT]
    fields["principal"] = call.principal.name or call.principal.id
    return fields


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
