"""The way to Redis: one connection, operations pipelined over it, scripts loaded once."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from nova_core.stores import LinkLostError
from nova_core.stores.operations import Answer, Operation
from nova_plugin_store_redis.commands import Keys, answer, command, scripts
from nova_plugin_store_redis.settings import RedisSettings

LONGEST_REASON = 200


class RedisLink:
    """A `Link`. Nothing is sent twice: the client's own retries are off, since nobody knows what a lost one did."""

    def __init__(self, settings: RedisSettings) -> None:
        self.name = settings.place
        self._settings = settings
        self._keys = Keys(settings.namespace)
        self._hashes: Mapping[str, str] = {}
        self._client: Redis | None = None

    async def open(self) -> None:
        """Connect, authenticate, load the scripts. Raises LinkLostError."""
        self._client = client(self._settings)
        await self._load(self._client)

    async def exchange(self, operations: Sequence[Operation]) -> Sequence[Answer]:
        """One round trip. Raises LinkLostError, also when Redis refuses one of them."""
        if self._client is None:
            raise LinkLostError("not open")
        replies = await self._replies(self._client, operations)
        unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:  # somebody flushed the scripts: these were not carried out
            await self._load(self._client)
            again = await self._replies(self._client, [operations[at] for at in unknown])
            for at, reply in zip(unknown, again, strict=True):
                replies[at] = reply
        for reply in replies:
            if isinstance(reply, Exception):
                raise self._lost(reply)
        return [answer(operation, reply) for operation, reply in zip(operations, replies, strict=True)]

    async def close(self) -> None:
        """Drop the connection, whatever is on it."""
        opened, self._client = self._client, None
        if opened is not None:
            with contextlib.suppress(RedisError, OSError):
                await opened.aclose(close_connection_pool=True)

    async def _load(self, opened: Redis) -> None:
        texts = scripts()
        try:
            pipeline = opened.pipeline(transaction=False)
            for script in texts.values():
                pipeline.execute_command("SCRIPT LOAD", script)
            loaded = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise self._lost(error) from None
        self._hashes = {name: _text(hash) for name, hash in zip(texts, loaded, strict=True)}

    async def _replies(self, opened: Redis, operations: Sequence[Operation]) -> list[Any]:
        pipeline = opened.pipeline(transaction=False)
        for operation in operations:
            pipeline.execute_command(*command(operation, self._keys, self._hashes))
        try:
            return await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError) as error:
            raise self._lost(error) from None

    def _lost(self, error: Exception) -> LinkLostError:
        """Why, in one line. Redis and its client do not repeat credentials; should they, ours are cut out."""
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        for secret in (self._settings.url, self._settings.password):
            if secret is not None:
                reason = reason.replace(secret.reveal(), "***")
        return LinkLostError(reason[:LONGEST_REASON])


def client(settings: RedisSettings, *, connections: int = 1) -> Redis:
    """A client that connects when it is used, at most so often at the same time, and tries nothing twice."""
    options: dict[str, Any] = {
        "retry": Retry(NoBackoff(), 0),
        "retry_on_error": [],
        "max_connections": connections,
        "client_name": "nova",
        "protocol": 2,
        "socket_timeout": None,
    }
    if settings.url is not None:
        if settings.ssl_ca_certs and settings.url.reveal().startswith("rediss:"):
            options["ssl_ca_certs"] = settings.ssl_ca_certs
        return Redis.from_url(settings.url.reveal(), **options)
    if settings.ssl:
        options |= {"ssl": True, "ssl_ca_certs": settings.ssl_ca_certs}
    return Redis(
        host=settings.host,
        port=settings.port,
        db=settings.db,
        username=settings.username,
        password=settings.password.reveal() if settings.password is not None else None,
        **options,
    )


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()
