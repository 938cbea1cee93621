"""The hooks: answer what is known, keep what is new, forget what turned out wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from nova_core.hookspecs import hookimpl
from nova_core.stores.memory import MemoryKeyValueStore
from nova_core.types.call import Call, StashKey
from nova_core.types.dialect import Dialect
from nova_core.types.message import Reply, Request
from nova_core.types.plugin import ConfigSection, GatewayView
from nova_core.types.routing import Catalog
from nova_core.types.usage import Usage
from nova_core.wire.body import parse_members
from nova_plugin_cache_memory.entries import Entry, is_empty, packed, unpacked
from nova_plugin_cache_memory.keys import cache_key, messages_in
from nova_plugin_cache_memory.settings import CacheSettings, Controls, cache_settings, controls

STEP = "cache-memory"
KEY = StashKey[str]("cache.key")
USED = StashKey[str]("cache.used")
"""The key of an entry that this call made or read."""


class MemoryCache:
    """One per configuration, empty when it starts. Innermost around a call, so every other plugin sees its hits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._settings = CacheSettings()
        self._store = MemoryKeyValueStore(clock=clock)
        self._catalog = Catalog()
        self._dialects: dict[str, Dialect] = {}

    @hookimpl
    def startup(self, gateway: GatewayView) -> None:
        """Read `cache_params`. Raises ConfigurationError."""
        self._settings = cache_settings(gateway.settings)
        self._catalog = gateway.catalog
        self._store = MemoryKeyValueStore(
            max_items=self._settings.max_items, max_bytes=self._settings.max_bytes, clock=self._clock
        )

    @hookimpl
    def register_config(self) -> Sequence[ConfigSection]:
        """Keys of `cache_params` beside those that the core types."""
        return (ConfigSection(("cache_params",), ("max_items", "max_bytes", "max_item_bytes", "scope")),)

    @hookimpl(trylast=True)
    async def pre_call(self, call: Call, request: Request) -> Reply | None:
        """The stored answer, if there is one. Raises BadRequestError for a `cache` that cannot be used."""
        wanted = controls(call.options.cache)
        if not self._caches(call, request, wanted):
            return None
        aliases = self._catalog.aliases
        key = cache_key(
            call,
            request,
            group=aliases.get(request.model, request.model),
            namespace=self._settings.namespace if wanted.namespace is None else wanted.namespace,
            scope=call.principal.id if self._settings.scope == "principal" else "",
        )
        if key is None:
            return None
        if wanted.write and not call.streaming:
            call.stash[KEY] = key
        return await self._hit(call, key, wanted) if wanted.read else None

    @hookimpl
    async def post_call(self, call: Call, reply: Reply) -> None:
        """Keep the answer as the provider gave it."""
        key = call.stash.get(KEY)
        if key is None or call.fallbacks or is_empty(reply):
            return
        body = reply.encode()
        if len(body) > self._settings.max_item_bytes:
            return
        self._dialects[reply.dialect.name] = reply.dialect
        served = call.deployment.id if call.deployment is not None else None
        entry = Entry(self._clock(), reply.operation, reply.dialect.name, body, served, call.space)
        wanted = controls(call.options.cache)
        call.stash[USED] = key
        await self._store.set(key, packed(entry), self._settings.ttl if wanted.ttl is None else wanted.ttl)

    @hookimpl
    async def call_failed(self, call: Call) -> None:
        """Forget an answer that another plugin refused."""
        key = call.stash.get(USED)
        if key is not None:
            await self._store.delete(key)

    def _caches(self, call: Call, request: Request, wanted: Controls) -> bool:
        settings = self._settings
        on = settings.enabled and (settings.default_on or wanted.asked_for)
        if not on or request.operation not in settings.operations:
            return False
        # A hit comes before the gateway's own check of what the key may call.
        own = call.options.overrides or call.options.mock_response is not None
        if own or not all(map(call.principal.may_call, (call.model, request.model))):
            return False
        return settings.max_messages is None or messages_in(request) <= settings.max_messages

    async def _hit(self, call: Call, key: str, wanted: Controls) -> Reply | None:
        value = await self._store.get(key)
        entry = unpacked(value) if value is not None else None
        dialect = self._dialects.get(entry.dialect) if entry is not None else None
        if entry is None or dialect is None:
            call.note(STEP, "miss", key)
            return None
        if wanted.max_age is not None and self._clock() - entry.stored > wanted.max_age:
            return None
        call.stash[USED] = key
        call.note(STEP, "hit", key)
        call.reply_headers["cache-key"] = key
        if entry.deployment is not None:
            call.reply_headers["model-id"] = entry.deployment
        call.space = entry.space
        return Reply(entry.operation, dialect, parse_members(entry.body), usage=Usage())
