"""The hooks: reach Redis at the start, hand out what is shared through it, let go at the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from nova_core.hookspecs import hookimpl
from nova_core.stores import KEY_VALUE, SHARED_STATE, RemoteState
from nova_core.types.plugin import GatewayView
from nova_plugin_store_redis.link import RedisLink
from nova_plugin_store_redis.settings import PLUGIN, redis_settings
from nova_plugin_store_redis.values import RedisValues


class RedisStore:
    """One connection for shared state per configuration and process, and some for kept values."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._state: RemoteState | None = None
        self._values: RedisValues | None = None

    @hookimpl(tryfirst=True)
    async def startup(self, gateway: GatewayView) -> None:
        """Connect; a Redis that cannot be reached yet is tried again later. Raises ConfigurationError."""
        settings = redis_settings(gateway.settings, gateway.plugin_settings(PLUGIN), self._environ)
        if settings is not None:
            self._state = RemoteState(RedisLink(settings), budget=settings.budget)
            self._values = RedisValues(settings)
            await self._state.start()

    @hookimpl
    def provide_store(self, kind: str, settings: Mapping[str, Any]) -> object | None:
        """What is shared through Redis, the same for everybody who asks: state, and values by key."""
        return {SHARED_STATE: self._state, KEY_VALUE: self._values}.get(kind)

    @hookimpl
    async def shutdown(self) -> None:
        """Say what is left to be said."""
        if self._state is not None:
            await self._state.aclose()
        if self._values is not None:
            await self._values.aclose()
