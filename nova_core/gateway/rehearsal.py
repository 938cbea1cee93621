"""Decides recorded calls again with another configuration, and says what would change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import msgspec

from nova_core.gateway.deciding import decide
from nova_core.gateway.decisions import Trace
from nova_core.gateway.recording import (
    Line,
    RecordedCall,
    RecordedConfig,
    call_again,
    identity_of,
    matched,
    state_from_data,
)
from nova_core.gateway.routing import Resolved
from nova_core.gateway.runtime import Runtime
from nova_core.types.call import Call
from nova_core.types.decision import Failure
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Request
from nova_core.types.routing import Snapshot
from nova_core.types.usage import counted

KINDS = ("target", "refusal", "task", "cost", "order")
"""What can change: who is asked first, whether anybody is, the task or space, the cost, who comes after the first."""
NOT_ROUTING = frozenset({"RejectedError", "ClientClosedError"})
NOT_ROUTING_STATUS = frozenset({402, 429})


class Story(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a call is decided: first targets, and the order behind them, by part; `cost` in US dollars."""

    targets: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    refused: Failure | None = None
    cost: str | None = None


class Changed(msgspec.Struct, frozen=True):
    """A call that would be decided otherwise."""

    id: str
    model: str
    created: float
    kinds: tuple[str, ...]
    before: Story
    after: Story


class Report(msgspec.Struct, frozen=True):
    """All recorded calls decided again. `skipped` counts those that routing has not decided, by reason.

    `cost_before` and `cost_after` are US dollars of the calls whose cost is known both times.
    """

    calls: int
    compared: int
    skipped: Mapping[str, int]
    totals: Mapping[str, int]
    cost_before: str
    cost_after: str
    costed: int
    changes: tuple[Changed, ...]


class Rehearsal:
    """Decides calls with one configuration. Feed it the lines of a recording in their order."""

    def __init__(self, runtime: Runtime, dialects: Mapping[str, Dialect]) -> None:
        self._runtime = runtime
        self._dialects = dialects
        self._names: Mapping[str, str] = {}
        self._calls = 0
        self._skipped: dict[str, int] = {}
        self._changes: list[Changed] = []
        self._costs: list[tuple[Decimal, Decimal]] = []

    def config(self, line: RecordedConfig) -> None:
        """What the following calls were decided with."""
        self._names = matched(line.deployments, self._identities)

    @cached_property
    def _identities(self) -> Sequence[Any]:
        return tuple(map(identity_of, self._runtime.catalog.by_id.values()))

    def call(self, line: RecordedCall) -> None:
        """Decide a call again and compare."""
        self._calls += 1
        if line.dialect not in self._dialects:
            self._skip("its dialect is not known here")
            return
        trace = self.decided(line)
        reason = _not_routed(line, trace)
        if reason is not None:
            self._skip(reason)
            return
        before, after = self._story_before(line), self._story_after(line, trace)
        if before.cost is not None and after.cost is not None:
            self._costs.append((Decimal(before.cost), Decimal(after.cost)))
        kinds = tuple(_differences(before, after))
        if kinds:
            self._changes.append(Changed(line.id, trace.model, line.created, kinds, before, after))

    def decided(self, line: RecordedCall) -> Trace:
        """The decision about a recorded call with this configuration."""
        return decide(self._runtime, call_again(line, self._dialects), Replay(line, self._runtime, self._names))

    def report(self) -> Report:
        """What would change."""
        totals = {kind: sum(kind in each.kinds for each in self._changes) for kind in KINDS}
        return Report(
            calls=self._calls,
            compared=self._calls - sum(self._skipped.values()),
            skipped=self._skipped,
            totals=totals,
            cost_before=f"{sum((before for before, _ in self._costs), Decimal(0)):f}",
            cost_after=f"{sum((after for _, after in self._costs), Decimal(0)):f}",
            costed=len(self._costs),
            changes=tuple(self._changes),
        )

    def _skip(self, reason: str) -> None:
        self._skipped[reason] = self._skipped.get(reason, 0) + 1

    def _story_before(self, line: RecordedCall) -> Story:
        parts = line.children or (line,)
        orders = [[level for group in part.groups for level in group.order] for part in parts]
        return Story(
            targets=tuple(self._named(order[0][0]) for order in orders if order),
            order=tuple(self._named(id) for order in orders for level in order for id in level),
            tasks=tuple(_task(part.task, part.space) for part in parts),
            refused=line.failure if not any(orders) else None,
            cost=_total([part.cost for part in parts if part.attempts or part.cost]),
        )

    def _story_after(self, line: RecordedCall, trace: Trace) -> Story:
        parts = trace.children or (trace,)
        levels = [[level for routed in part.routed for level in routed.levels] for part in parts]
        return Story(
            targets=tuple(found[0][0].id for found in levels if found),
            order=self._order_after(line, parts),
            tasks=tuple(_task(part.task, part.space.name if part.space else None) for part in parts),
            refused=trace.failure,
            cost=self._cost_after(line, trace),
        )

    def _order_after(self, line: RecordedCall, parts: Sequence[Trace]) -> tuple[str, ...]:
        """Of the groups that were decided then: a recorded call that was answered never got to its fallbacks."""
        reached = [len(part.groups) for part in line.children or (line,)]
        decided = [part.routed[:most] for part, most in zip(parts, reached, strict=False)]
        return tuple(each.id for part in decided for routed in part for level in routed.levels for each in level)

    def _cost_after(self, line: RecordedCall, trace: Trace) -> str | None:
        """What the recorded usage costs where it is used now; None where that, or the split, is another."""
        old, new = line.children or (line,), trace.children or (trace,)
        if len(old) != len(new):
            return None
        return _total([self._cost(part, now) for part, now in zip(old, new, strict=True) if part.usage])

    def _cost(self, part: RecordedCall, trace: Trace) -> str | None:
        """A call whose first target stays goes the way it went; one that moves is answered by its new one."""
        found = {each.id: each for routed in trace.routed for level in routed.levels for each in level}
        if not found:
            return None
        first = next(iter(found.values()))
        recorded_first = next((level[0] for group in part.groups for level in group.order), "")
        served = found.get(self._named(part.deployment or "")) if self._named(recorded_first) == first.id else first
        return _price(served or first, part)

    def _named(self, id: str) -> str:
        return self._names.get(id, id)


def rehearse(runtime: Runtime, lines: Iterable[Line], dialects: Mapping[str, Dialect]) -> Report:
    """Decide all calls of a recording again."""
    rehearsal = Rehearsal(runtime, dialects)
    for line in lines:
        if isinstance(line, RecordedConfig):
            rehearsal.config(line)
        else:
            rehearsal.call(line)
    return rehearsal.report()


class Replay:
    """The state that a recorded call was decided with, under the ids of the present configuration."""

    def __init__(self, line: RecordedCall, runtime: Runtime, names: Mapping[str, str]) -> None:
        self._line = line
        self._runtime = runtime
        self._names = names

    def __call__(self, call: Call, request: Request, resolved: Resolved, fallback: int) -> Snapshot:
        """The group's own state; one that was not decided then gets that of the first, with a seed of its own."""
        line = self._line_of(call)
        known = [group for group in line.groups if group.snapshot is not None]
        own = next((group for group in known if group.group == resolved.group), None)
        data = dict(own.snapshot or {}) if own is not None else self._borrowed(known, resolved.group)
        data.update(group=resolved.group, fallback=fallback)
        return state_from_data(renamed(data, self._names), self._runtime.catalog)

    def _line_of(self, call: Call) -> RecordedCall:
        if call.parent is None:
            return self._line
        place = call.parent.children.index(call)
        return self._line.children[place] if place < len(self._line.children) else self._line

    def _borrowed(self, known: Sequence[Any], group: str) -> dict[str, Any]:
        data = dict(known[0].snapshot) if known else {"now": 0.0}
        digest = hashlib.sha256(f"{self._line.id}\n{group}".encode()).digest()
        return {**data, "seed": int.from_bytes(digest[:8], "big")}


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Plain data with the ids of deployments replaced, as keys and as values."""
    if isinstance(value, dict):
        return {names.get(key, key): renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _not_routed(line: RecordedCall, trace: Trace) -> str | None:
    """Why a call says nothing about routing: a cache, a guardrail or a limit answered before it."""
    if line.attempts or line.groups or line.children:
        return None
    failure = line.failure
    if failure is None:
        return "answered before routing"
    if failure.type in NOT_ROUTING or failure.status in NOT_ROUTING_STATUS or failure.status >= 500:
        return "stopped before routing"
    return None


def _differences(before: Story, after: Story) -> Iterator[str]:
    if (before.refused is None) != (after.refused is None) or (
        before.refused is not None and after.refused is not None and before.refused.code != after.refused.code
    ):
        yield "refusal"
        return
    if before.refused is not None:
        return
    if before.targets != after.targets:
        yield "target"
    elif before.order != after.order:
        yield "order"
    if before.tasks != after.tasks:
        yield "task"
    if before.cost is not None and after.cost != before.cost and not _same(before.cost, after.cost):
        yield "cost"


def _same(before: str, after: str | None) -> bool:
    return after is not None and Decimal(before) == Decimal(after)


def _task(task: str | None, space: str | None) -> str:
    return " in ".join(filter(None, (task, space)))


def _price(deployment: Deployment, part: RecordedCall) -> str | None:
    cost = deployment.prices.cost(counted(part.usage, part.tier), datetime.fromtimestamp(part.created, UTC))
    return None if cost is None else f"{cost:f}"


def _total(costs: Iterable[str | None]) -> str | None:
    """The sum of known costs; None when there is none, or one is unknown."""
    found = list(costs)
    known = [Decimal(cost) for cost in found if cost is not None]
    return f"{sum(known):f}" if known and len(known) == len(found) else None


def told(story: Story, kinds: Sequence[str]) -> str:
    """What of a story has changed, in a few words."""
    if story.refused is not None:
        return f"refused: {story.refused.status} {story.refused.code}"
    said = [" + ".join(story.targets)] if "target" in kinds or "refusal" in kinds else []
    if "order" in kinds:
        said.append(" > ".join(story.order))
    if "task" in kinds:
        said.append(" + ".join(filter(None, story.tasks)) or "no task")
    if "cost" in kinds:
        said.append("unknown cost" if story.cost is None else f"${story.cost}")
    return ", ".join(said)
