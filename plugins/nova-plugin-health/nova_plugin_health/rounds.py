"""Rounds of checks: who checks, whom, and what becomes of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

import msgspec

from nova_core.errors import NovaError
from nova_core.stores import Reading, SharedState, Taken, Window
from nova_core.types.deployment import Deployment
from nova_core.types.plugin import GatewayView
from nova_core.wire.probing import can_be_probed, probe, said
from nova_plugin_health.canary import Canaries, has_canary
from nova_plugin_health.settings import HealthSettings

logger = logging.getLogger("nova.health")

CHECK, CANARY = "check", "canary"
ROUND, RESULT = "health-round", "health:"
TRANSIENT = (408, 429)
LONGEST_TICK = 5.0


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a round found of one deployment; None: it is well. `checked` and `pinned` say which checks were made."""

    checked: bool = False
    problem: str | None = None
    pinned: bool = False
    canary: str | None = None


class Rounds:
    """Checks deployments again and again. `ill` is who is to be left out, with what is wrong and until when."""

    def __init__(self, gateway: GatewayView, state: SharedState, settings: HealthSettings) -> None:
        self._gateway = gateway
        self._state = state
        self._settings = settings
        self._canaries = Canaries()
        self._deployments = [each for each in gateway.catalog.by_id.values() if self._is_checked(each)]
        self._gate = asyncio.Semaphore(settings.at_once)
        self._checked_at: dict[str, float] = {}
        self.ill: dict[str, tuple[str, float]] = {}
        self.changed: dict[str, str] = {}

    async def load(self) -> None:
        """Read the pinned vectors. Raises ConfigurationError."""
        await self._canaries.load([each for each in self._deployments if has_canary(each)])

    async def run(self) -> None:
        """Until cancelled. Of all who share the state one makes each round, the others take over what it found."""
        interval = self._settings.interval
        while self._deployments:
            if not (self._settings.shared and self._state.is_shared):
                await self._round()
                await asyncio.sleep(interval)
                continue
            turn = await self._state.take((Window(ROUND, 1, seconds=interval),))
            if isinstance(turn, Taken):
                await self._round()
            else:
                await self._take_over()
            await asyncio.sleep(min(interval / 10, LONGEST_TICK))

    def _is_checked(self, deployment: Deployment) -> bool:
        if deployment.id in self._gateway.catalog.unserved:
            return False
        return has_canary(deployment) or self._is_probed(deployment)

    def _is_probed(self, deployment: Deployment) -> bool:
        left_alone = deployment.info.get("disable_background_health_check") is True
        groups = self._settings.groups
        chosen = not groups or deployment.group in groups
        return self._settings.checks and chosen and not left_alone and can_be_probed(deployment)

    async def _round(self) -> None:
        await asyncio.gather(*(self._one(each) for each in self._deployments))

    async def _one(self, deployment: Deployment) -> None:
        async with self._gate:
            started = time.monotonic()
            try:
                result = await self._result(deployment)
            except Exception:
                logger.exception("the check of '%s' failed by itself", deployment.id)
                return
            self._apply(deployment, result, time.monotonic() - started)
        if self._state.is_shared:
            self._state.put(RESULT + deployment.id, msgspec.json.encode(result).decode(), self._settings.staleness)

    async def _result(self, deployment: Deployment) -> Result:
        run, seconds = self._gateway.run, self._settings.timeout
        changed: str | None = None
        error: NovaError | None = None
        pinned = False
        if has_canary(deployment):
            changed, error = await self._canaries.check(run, deployment, seconds=seconds)
            pinned = error is None
        elif self._is_probed(deployment):
            error = await probe(run, deployment, seconds=seconds)
        well = error is None or (self._settings.ignore_transient and error.status in TRANSIENT)
        problem = None if error is None or well else said(error)
        return Result(self._is_probed(deployment), problem, pinned, changed)

    async def _take_over(self) -> None:
        """What another process found; what is gone is too old."""
        names = [RESULT + each.id for each in self._deployments]
        view = await self._state.look(Reading(values=tuple(names)))
        for each in self._deployments:
            kept = view.values.get(RESULT + each.id)
            if kept is not None:
                self._apply(each, msgspec.json.decode(kept.value, type=Result), 0.0)

    def _apply(self, deployment: Deployment, result: Result, seconds: float) -> None:
        id = deployment.id
        if result.checked:
            self._report(deployment, result.problem, CHECK, seconds)
            if result.problem is None:
                self.ill.pop(id, None)
            else:
                self.ill[id] = result.problem, time.monotonic() + self._settings.staleness
        if result.pinned:
            self._report(deployment, result.canary, CANARY, seconds)
            if result.canary is None:
                self.changed.pop(id, None)
            else:
                self.changed[id] = result.canary

    def _report(self, deployment: Deployment, problem: str | None, by: str, seconds: float) -> None:
        known = self.changed.get(deployment.id) if by == CANARY else self.ill.get(deployment.id, (None,))[0]
        self._gateway.health.report(deployment.id, problem, by=by, seconds=seconds)
        if problem is not None and known is None:
            logger.warning("deployment '%s' of '%s' fails its %s: %s", deployment.id, deployment.group, by, problem)
        elif problem is None and known is not None:
            logger.info("deployment '%s' of '%s' passes its %s again", deployment.id, deployment.group, by)


def left_out(ids: Sequence[str], rounds: Rounds, now: float) -> dict[str, str]:
    """Of these deployments those that a check found ill, with what is wrong; old findings do not count."""
    return {id: rounds.ill[id][0] for id in ids if id in rounds.ill and rounds.ill[id][1] > now}
