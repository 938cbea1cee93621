"""The hooks: the rounds of checks, and routing by what they found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from nova_core.errors import ConfigurationError, NoDeploymentError
from nova_core.hookspecs import hookimpl
from nova_core.stores import SHARED_STATE, SharedState
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.plugin import ConfigSection, GatewayView
from nova_core.types.routing import Snapshot
from nova_core.wire.probing import PROBER
from nova_plugin_health.rounds import Rounds, left_out
from nova_plugin_health.settings import HealthSettings, settings_of

STEP = "health"
MODEL_KEYS = (
    "disable_background_health_check",
    "health_check_model",
    "health_check_timeout",
    "health_check_max_tokens",
    "canary",
)


class Health:
    """One per configuration."""

    def __init__(self) -> None:
        self._settings = HealthSettings()
        self._rounds: Rounds | None = None
        self._running: asyncio.Task[None] | None = None

    @hookimpl
    def register_config(self) -> Sequence[ConfigSection]:
        """Keys beside those that the core reads."""
        return (ConfigSection(("model_info",), MODEL_KEYS),)

    @hookimpl
    async def startup(self, gateway: GatewayView) -> None:
        """Begin to check. Raises ConfigurationError for a canary file that cannot be read."""
        self._settings = settings_of(gateway.settings)
        state = gateway.store(SHARED_STATE)
        if not isinstance(state, SharedState):
            raise ConfigurationError("the store for shared state does not speak its protocol")
        self._rounds = Rounds(gateway, state, self._settings)
        await self._rounds.load()
        gateway.health.is_watched = self._settings.checks
        self._running = asyncio.create_task(self._rounds.run(), name="check deployments")

    @hookimpl
    async def shutdown(self) -> None:
        """Check no more."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    @hookimpl
    def route_state(self, call: Call, candidates: tuple[Deployment, ...]) -> Mapping[str, Any] | None:
        """Who is ill, and whose vectors have changed."""
        rounds = self._rounds
        if rounds is None or call.principal is PROBER or not (rounds.ill or rounds.changed):
            return None
        ids = [each.id for each in candidates]
        ill = left_out(ids, rounds, time.monotonic()) if self._settings.routing else {}
        changed = {id: rounds.changed[id] for id in ids if id in rounds.changed}
        return {STEP: {"ill": ill, "changed": changed}} if ill or changed else None

    @hookimpl
    def route_select(
        self, call: Call, candidates: tuple[Deployment, ...], snapshot: Snapshot
    ) -> Sequence[Deployment] | None:
        """Those that are well; all when none is. Raises NoDeploymentError when the vectors of all have changed."""
        state = snapshot.state.get(STEP)
        if state is None:
            return None
        ill, changed = state["ill"], state["changed"]
        kept = [each for each in candidates if each.id not in changed]
        for each in candidates:
            if each.id in changed:
                call.note(STEP, f"left out {each.id}", changed[each.id])
        if not kept:
            raise NoDeploymentError(
                f"No deployments available for model '{snapshot.group}': the embeddings of all have changed."
            )
        well = [each for each in kept if each.id not in ill]
        if not well:
            call.note(STEP, "all are ill, so all are tried")
            return kept if len(kept) < len(candidates) else None
        for each in kept:
            if each.id in ill:
                call.note(STEP, f"left out {each.id}", ill[each.id])
        return well if len(well) < len(candidates) else None
