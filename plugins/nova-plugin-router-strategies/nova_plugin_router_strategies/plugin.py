"""The hooks: what is observed, what a decision is made with, and the decision."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from nova_core.errors import BadRequestError, RequestTimeoutError
from nova_core.hookspecs import hookimpl
from nova_core.stores import SHARED_STATE, SharedState
from nova_core.types.call import Attempt, Call, CallRecord, StashKey
from nova_core.types.deployment import Deployment
from nova_core.types.plugin import ConfigSection, GatewayView
from nova_core.types.routing import Catalog, Snapshot
from nova_plugin_router_strategies import ranking
from nova_plugin_router_strategies.meters import Busy, Latencies, Usage
from nova_plugin_router_strategies.plans import (
    COST,
    LATENCY,
    LEAST_BUSY,
    NAMES,
    PRIORITY,
    SHUFFLE,
    USAGE,
    Plan,
    Plans,
    known_strategy,
    plans_of,
)
from nova_plugin_router_strategies.prices import PriceList
from nova_plugin_router_strategies.sharing import Others, Running

STEP = "router-strategies"
STREAMED, WHOLE = "streamed", "whole"
TIMEOUT_PENALTY = 1000.0
"""Seconds added to an attempt that was not answered in time."""

Open = list[tuple[Deployment, Running | None]]
OPEN = StashKey[Open]("router-strategies: attempts that run")


class RouterStrategies:
    """One per configuration."""

    def __init__(self) -> None:
        self._plans = Plans()
        self._prices = PriceList()
        self._busy = Busy()
        self._usage = Usage(time.monotonic)
        self._latency: dict[str, Latencies] = {}
        self._others: Others | None = None

    @hookimpl
    def startup(self, gateway: GatewayView) -> None:
        """Read the settings. Raises ConfigurationError for arguments that make no sense."""
        router = gateway.settings.get("router_settings")
        self._plans = plans_of(router if isinstance(router, Mapping) else {})
        args = self._plans.default.latency
        self._latency = {STREAMED: Latencies(args, args.percentile), WHOLE: Latencies(args)}

        def spawn(work: Coroutine[Any, Any, None], name: str) -> None:
            gateway.spawn(work, name=name)

        state = gateway.store(SHARED_STATE)
        if isinstance(state, SharedState):
            self._others = Others(state, spawn, self._busy, self._usage)

    @hookimpl
    def register_config(self) -> Sequence[ConfigSection]:
        """The strategies that there are here."""
        return (ConfigSection(("router_settings", "routing_strategy"), NAMES),)

    @hookimpl
    def resolve_model(self, model: str, catalog: Catalog) -> Sequence[Deployment] | None:
        """All deployments of a routing group."""
        models = self._plans.spans.get(model)
        if models is None:
            return None
        return [each for name in models for each in catalog.groups.get(name, ())] or None

    @hookimpl
    def attempt_started(self, call: Call, deployment: Deployment) -> None:
        """Count what runs and what is asked."""
        others = self._others if self._others is not None and self._others.are_there else None
        self._busy.begin(deployment.id)
        running = others.begin(deployment.id) if others is not None else None
        opened = call.stash.get(OPEN)
        if opened is None:
            opened = call.stash[OPEN] = []
        opened.append((deployment, running))
        self._used(deployment.id, 1, 0)

    @hookimpl
    def attempt_finished(self, call: Call, attempt: Attempt) -> None:
        """A failed attempt and a whole answer run no more; of a stream the first chunk is there."""
        if attempt.error is not None or not call.streaming:
            self._ended(call, attempt.deployment)
        ended = attempt.started + attempt.seconds
        kind = STREAMED if call.streaming else WHOLE
        if isinstance(attempt.error, RequestTimeoutError):
            self._latency[kind].add(attempt.deployment.id, attempt.seconds + TIMEOUT_PENALTY, ended)
        elif attempt.error is None and call.streaming:
            self._latency[kind].add(attempt.deployment.id, attempt.seconds, ended)

    @hookimpl
    def call_finished(self, record: CallRecord) -> None:
        """What the answer took and used is known; nothing of the call runs any more."""
        call = record.call
        opened = call.stash.get(OPEN)
        if opened:
            call.stash[OPEN] = []
            for deployment, running in opened:
                self._end(deployment, running)
        answered = call.attempts[-1] if call.attempts else None
        if answered is None or answered.error is not None:
            return
        usage = record.usage
        if usage is not None:
            self._used(answered.deployment.id, 0, usage.total)
        if record.error is None and not call.streaming:
            seconds = answered.seconds / max(1, usage.output_total if usage is not None else 1)
            self._latency[WHOLE].add(answered.deployment.id, seconds, answered.started + answered.seconds)

    @hookimpl
    def route_state(self, call: Call, candidates: tuple[Deployment, ...]) -> Mapping[str, Any] | None:
        """What the group's strategy looks at."""
        strategy = self._plan(call, call.group, candidates).strategy
        if strategy not in (LEAST_BUSY, USAGE, LATENCY):
            return None
        group, others = candidates[0].group, self._others
        ids = [each.id for each in candidates] if others is not None and others.are_there else []
        if others is not None and ids and strategy != LATENCY:
            others.refresh(group, ids)
        if strategy == USAGE:
            return {STEP: {"used": self._usage.current() if others is None else others.used(group, ids)}}
        if strategy == LEAST_BUSY:
            return {STEP: {"busy": self._busy.counts.copy() if others is None else others.busy(group, ids)}}
        seen = self._latency[STREAMED if call.streaming else WHOLE].seen
        return {STEP: {"seen": seen.copy(), "busy": self._busy.counts.copy()}}

    @hookimpl
    def route_rank(
        self, call: Call, candidates: tuple[Deployment, ...], snapshot: Snapshot
    ) -> Sequence[Deployment] | None:
        """The order that the group's strategy gives one level."""
        plan = self._plan(call, snapshot.group, candidates)
        if plan.strategy == SHUFFLE:
            return None
        state: Mapping[str, Any] = snapshot.state.get(STEP) or {}
        if plan.strategy == LATENCY and plan.latency.buffer is None:
            seen, busy = state.get("seen", {}), state.get("busy", {})
            order, compared = ranking.better_of_two(candidates, seen, busy, snapshot.now, plan.latency, snapshot.seed)
            call.note(STEP, order[0].id, f"{plan.strategy}: the faster of two at random", scores=compared)
            return order
        scores = self._scores(plan, call, candidates, state, snapshot.now)
        slack = plan.latency.buffer or 0.0 if plan.strategy == LATENCY else 0.0
        order = ranking.lowest(candidates, scores, snapshot.seed, slack)
        shown = {each.id: score for each, score in zip(candidates, scores, strict=True) if score < inf}
        call.note(STEP, order[0].id, f"{plan.strategy}: lowest first", scores=shown)
        return order

    def _scores(
        self, plan: Plan, call: Call, candidates: tuple[Deployment, ...], state: Mapping[str, Any], now: float
    ) -> list[float]:
        if plan.strategy == LEAST_BUSY:
            return ranking.busyness(candidates, state.get("busy", {}))
        if plan.strategy == USAGE:
            return ranking.usage(candidates, state.get("used", {}))
        if plan.strategy == COST:
            return [self._prices.of(each, call.operation) for each in candidates]
        if plan.strategy == PRIORITY:
            last = max(plan.priorities.values(), default=0) + 1
            return [plan.priorities.get(each.group, last) for each in candidates]
        return ranking.latencies(candidates, state.get("seen", {}), now, plan.latency.ttl)

    def _plan(self, call: Call, group: str, candidates: tuple[Deployment, ...]) -> Plan:
        """The plan of the group that is routed (a routing group), else of the deployments' own; the caller's first."""
        plan = self._plans.groups.get(group) or self._plans.of(candidates[0].group)
        asked = call.options.routing_strategy
        if asked is None:
            return plan
        strategy = known_strategy(asked)
        if strategy is None:
            raise BadRequestError(
                f"there is no routing strategy '{asked}': {', '.join(NAMES)}", param="routing_strategy"
            )
        return replace(plan, strategy=strategy)

    def _used(self, id: str, requests: int, tokens: int) -> None:
        self._usage.add(id, requests, tokens)
        if self._others is not None and self._others.are_there:
            self._others.add(id, requests, tokens)

    def _ended(self, call: Call, deployment: Deployment) -> None:
        opened = call.stash.get(OPEN) or []
        for place, (each, running) in enumerate(opened):
            if each.id == deployment.id:
                del opened[place]
                self._end(each, running)
                return

    def _end(self, deployment: Deployment, running: Running | None) -> None:
        self._busy.end(deployment.id)
        if running is not None:
            running.end()
