"""Values by key in Redis, such as the responses that gateways keep for their callers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from nova_core.stores import StoreUnavailableError
from nova_plugin_store_redis.commands import milliseconds, text
from nova_plugin_store_redis.link import client
from nova_plugin_store_redis.settings import RedisSettings

CONNECTIONS = 16


class RedisValues:
    """A `KeyValueStore`. Connects when it is first used; whoever comes when all connections are busy waits its turn.

    Waiting, connecting and asking together take at most the settings' `values_budget`. Nothing is asked twice.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._client: Redis | None = None
        self._turns = asyncio.Semaphore(CONNECTIONS)

    async def get(self, key: str) -> bytes | None:
        """The value, None when there is none (any more)."""
        found: bytes | None = await self._ask(lambda redis: redis.get(self._name(key)))
        return found

    async def get_many(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """The values that there are."""
        if not keys:
            return {}
        found: list[bytes | None] = await self._ask(lambda redis: redis.mget([self._name(key) for key in keys]))
        return {key: value for key, value in zip(keys, found, strict=True) if value is not None}

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Keep a value for `ttl` seconds."""
        if ttl is not None and not ttl > 0:
            await self.delete(key)
            return
        last = None if ttl is None else milliseconds(ttl)
        await self._ask(lambda redis: redis.set(self._name(key), value, px=last))

    async def delete(self, key: str) -> None:
        """Forget a key."""
        await self._ask(lambda redis: redis.delete(self._name(key)))

    async def aclose(self) -> None:
        """Let the connections go."""
        opened, self._client = self._client, None
        if opened is not None:
            with contextlib.suppress(RedisError, OSError):
                await opened.aclose(close_connection_pool=True)

    def _name(self, key: str) -> bytes:
        # No braces: in a cluster values are spread over its nodes.
        return text(f"{self._settings.namespace}:kept:{key}")

    async def _ask(self, command: Callable[[Redis], Awaitable[Any]]) -> Any:
        if self._client is None:
            self._client = client(self._settings, connections=CONNECTIONS)
        try:
            async with asyncio.timeout(self._settings.values_budget), self._turns:
                return await command(self._client)
        except (RedisError, OSError) as error:
            # The text of the client's errors may name what it was given to connect with.
            raise StoreUnavailableError(f"{self._settings.place} did not answer: {type(error).__name__}") from None
