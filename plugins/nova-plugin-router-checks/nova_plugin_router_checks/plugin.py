"""The hooks: what does not fit is left out, and long prompts are counted before routing waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.plugin import ConfigSection, GatewayView
from nova_core.types.routing import Snapshot
from nova_plugin_router_checks.counting import at_most, count_ahead, counted
from nova_plugin_router_checks.fitting import Misfit, misfit, refusal, too_small
from nova_plugin_router_checks.needs import REGION, needs_of

STEP = "router-checks"


class RouterChecks:
    """One per configuration."""

    def __init__(self) -> None:
        self._windows: tuple[int, ...] = ()

    @hookimpl
    def startup(self, gateway: GatewayView) -> None:
        """Note the windows that are known, to count what may not fit."""
        self._windows = _windows(gateway.catalog.by_id.values())

    @hookimpl
    def register_config(self) -> Sequence[ConfigSection]:
        """Keys beside those that the core reads."""
        return (ConfigSection(("params",), ("region_name",)),)

    @hookimpl(trylast=True)
    async def pre_call(self, call: Call, request: Request) -> Request | None:
        """Take the region out of the body, and count a prompt that may be too long off the event loop."""
        shorter = request.without(REGION)
        if self._windows:
            body = shorter.encode()
            if at_most(body) > self._windows[0]:
                await count_ahead(call, shorter, body, self._windows[-1])
        return None if shorter is request else shorter

    @hookimpl(trylast=True)
    def route_select(
        self, call: Call, request: Request, candidates: tuple[Deployment, ...], snapshot: Snapshot
    ) -> Sequence[Deployment] | None:
        """The candidates that fit. Raises what the caller must change when none does."""
        body = request.encode()
        needs = needs_of(call, request, body)
        found = {each.id: misfit(needs, call.options, each) for each in candidates}
        left = [each for each in candidates if found[each.id] is None]
        windows = _windows(left)
        tokens = None
        if windows and at_most(body) > windows[0]:
            tokens = counted(call, request, windows[-1])
        if tokens is not None:
            found.update({each.id: too_small(tokens, each) for each in left})
        left = [each for each in candidates if found[each.id] is None]
        if len(left) == len(candidates):
            return None
        _note(call, found)
        if not left:
            misfits = [each for each in found.values() if each is not None]
            param = "input" if request.operation == "embedding" else "messages"
            raise refusal(snapshot.group, misfits, tokens, param)
        return left


def _windows(deployments: Iterable[Deployment]) -> tuple[int, ...]:
    """The known context windows, smallest first."""
    return tuple(sorted({each.facts.max_input_tokens for each in deployments if each.facts.max_input_tokens}))


def _note(call: Call, found: Mapping[str, Misfit | None]) -> None:
    """One line for each reason, with all whom it concerns."""
    reasons: dict[str, list[str]] = {}
    for id, each in found.items():
        if each is not None:
            reasons.setdefault(each.why, []).append(id)
    for why, ids in reasons.items():
        call.note(STEP, f"left out {', '.join(ids)}", why)
