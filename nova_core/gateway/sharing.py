"""Shares cooldowns through the state that a configuration provides; no call waits for it."""

from __future__ import annotations

import asyncio
import logging

from nova_core.gateway.cooldowns import Cooldowns
from nova_core.stores import MemorySharedState, Reading, SharedState
from nova_core.types.deployment import Deployment
from nova_core.types.routing import Catalog

logger = logging.getLogger("nova.gateway")

PREFIX = "cooldown:"
POLL_SECONDS = 1.0


def may_rest(catalog: Catalog) -> tuple[str, ...]:
    """Ids of the deployments that have company in their group, and so may rest."""
    groups = (members for name, members in catalog.groups.items() if len(members) > 1 and "*" not in name)
    return tuple(deployment.id for members in groups for deployment in members)


def same_deployments(old: Catalog, new: Catalog) -> frozenset[str]:
    """Ids under which both configurations call the same upstream with the same credential."""
    return frozenset(
        name for name, each in new.by_id.items() if name in old.by_id and _called(each) == _called(old.by_id[name])
    )


def _called(deployment: Deployment) -> tuple[object, ...]:
    return (deployment.provider, deployment.model, deployment.api_base, deployment.api_key, dict(deployment.settings))


class Sharing:
    """Tells others who rests here, and learns from time to time who rests with them.

    A state in this process's memory has nobody to share with, and is not asked.
    """

    def __init__(self, cooldowns: Cooldowns, state: SharedState, catalog: Catalog) -> None:
        self._cooldowns = cooldowns
        self._state = state
        self._reading = Reading(values=tuple(PREFIX + name for name in may_rest(catalog)))
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Share, where there is somebody to share with and somebody who may rest."""
        if isinstance(self._state, MemorySharedState) or not self._reading.values:
            self._cooldowns.publish = None
            return
        self._cooldowns.publish = self._publish
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="shared cooldowns")

    async def stop(self) -> None:
        """Learn no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def _publish(self, name: str, seconds: float) -> None:
        self._state.put(PREFIX + name, "rests", seconds)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if not self._state.is_shared:
                continue
            try:
                view = await self._state.look(self._reading)
            except Exception:
                logger.exception("what rests elsewhere cannot be read; asked again in a moment")
                continue
            self._cooldowns.adopt({key.removeprefix(PREFIX): kept.left for key, kept in view.values.items()})
