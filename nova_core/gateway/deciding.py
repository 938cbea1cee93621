"""Decides about calls without calling anyone: for questions, and for calls that were recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from nova_core.errors import NovaError, ServiceUnavailableError
from nova_core.gateway.accounting import record_of
from nova_core.gateway.decisions import TRACE, Trace, trace_of
from nova_core.gateway.fallbacks import FallbackPlan, may_fall_back
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.lifecycle import start_plugins
from nova_core.gateway.routing import Resolved, check_access, names_to_check, resolve, select, state_of
from nova_core.gateway.runtime import MEMORY_STORES, Runtime, RuntimeView
from nova_core.gateway.trying import check_overrides
from nova_core.plugins.compiler import Pipeline
from nova_core.stores import SHARED_STATE, MemorySharedState
from nova_core.types.call import Call
from nova_core.types.message import Request
from nova_core.types.routing import Snapshot

Snapshots = Callable[[Call, Request, Resolved, int], Snapshot]
"""The state to decide with about the group of a call, that many groups after its first."""
ASSUMED = ServiceUnavailableError("the group is taken to fail")
"""What is assumed of a group to know which one follows."""


def decide(runtime: Runtime, call: Call, snapshots: Snapshots) -> Trace:
    """What the gateway would do with a new call: every group of its plan decided, nobody called.

    The same call and snapshots give the same answer. A call that a plugin would split has children. `pre_call` is
    not run: what a cache, a limit or a guardrail would say of the call is not known here.
    """
    try:
        if not call.model or call.principal.models:
            check_access(call, *names_to_check(runtime, call.model))
        requests = _planned(runtime.pipeline, call)
        if len(requests) == 1:
            _route(runtime, call, requests[0], snapshots)
    except NovaError as error:
        return _trace(runtime, call, error)
    parts = requests if len(requests) > 1 else ()
    children = tuple(_decided_part(runtime, call.child(part), snapshots) for part in parts)
    failure = next((child.failure for child in children if child.failure is not None), None)
    return msgspec.structs.replace(_trace(runtime, call, None), failure=failure)


def _decided_part(runtime: Runtime, child: Call, snapshots: Snapshots) -> Trace:
    trace = child.stash[TRACE] = decide(runtime, child, snapshots)
    return trace


def _planned(pipeline: Pipeline, call: Call) -> Sequence[Request]:
    """The request that is routed, or those of several child calls."""
    request = call.original
    for step in pipeline.plan_call:
        planned: Sequence[Request] | None = step.call(call, request)
        if planned is not None and len(planned) > 1:
            return planned
        if planned:
            request = planned[0]
    return (request,)


def _route(runtime: Runtime, call: Call, request: Request, snapshots: Snapshots) -> None:
    """Decide the first group and its fallbacks. Raises what the caller would be told when nobody is left."""
    first: NovaError | None = None
    served: tuple[str, str | None, int] | None = None
    plan = FallbackPlan(call, runtime.policy, first=request.model or call.model, aliases=runtime.catalog.aliases)
    name: str | None = plan.current
    number = 0
    while name is not None:
        error: NovaError = ASSUMED
        try:
            resolved = resolve(runtime, call, name)
            check_overrides(runtime, call, resolved.deployments)
            if resolved.decided is not None and call.operation != "embedding":
                call.routed.append(resolved.decided)
            else:
                select(runtime.pipeline, call, request, resolved, snapshots(call, request, resolved, number))
            served = served or (resolved.group, call.selected_by_task, number)
        except NovaError as raised:
            error = raised
            if served is None and first is None and not may_fall_back(error, call):
                raise
            first = first or error
            call.note("group", f"{name} failed", f"{error.status} {error.code}")
        name = plan.after(error)
        number += 1
    if served is None:
        assert first is not None
        raise first
    call.group, call.selected_by_task, call.fallbacks = served


def _trace(runtime: Runtime, call: Call, error: NovaError | None) -> Trace:
    status = error.status if error is not None else 200
    record = record_of(call, status=status, error=error, streamed=False, generation=runtime.generation)
    return trace_of(record, called=False)


def decide_now(gateway: Gateway, call: Call) -> Trace:
    """What a gateway would do with a new call at this moment."""
    runtime = gateway.runtime

    def snapshot(call: Call, request: Request, resolved: Resolved, fallback: int) -> Snapshot:
        state = state_of(runtime.pipeline.route_state, call, request, resolved.deployments)
        return gateway.snapshot(runtime, resolved.group, fallback, state)

    return decide(runtime, call, snapshot)


class OfflineView(RuntimeView):
    """What plugins see of a gateway that only decides: stores in memory, no background work, no calls."""

    def store(self, kind: str, settings: Mapping[str, Any] | None = None) -> object:
        """A store in memory, whoever would provide another."""
        return MemorySharedState() if kind == SHARED_STATE else MEMORY_STORES[kind]()

    def spawn(self, work: Awaitable[object], *, name: str) -> None:
        """Nothing is run."""
        if asyncio.iscoroutine(work):
            work.close()


async def start_deciding(runtime: Runtime) -> Gateway:
    """A gateway that can decide and nothing else: only plugins that decide are started, and nobody is called.

    Raises ConfigurationError when one of them cannot start.
    """
    gateway = Gateway(runtime)
    pipeline = runtime.pipeline
    hooks = (
        pipeline.resolve_model,
        pipeline.plan_call,
        pipeline.route_state,
        pipeline.route_select,
        pipeline.route_rank,
    )
    deciding = {step.plugin for steps in hooks for step in steps}
    startup = tuple(step for step in pipeline.startup if step.plugin in deciding)
    await start_plugins(Pipeline(startup=startup), OfflineView(gateway, runtime))
    return gateway
