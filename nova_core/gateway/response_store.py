"""Responses that the gateway keeps itself, for models whose providers keep none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nova_core.stores import KeyValueStore
from nova_core.types.principal import Principal

Items = list[Any]


class Kept(msgspec.Struct, frozen=True):
    """One response: the ids of those it goes on from, oldest first, its own input, and itself.

    One that was deleted can no longer be asked for; what was said in it is kept for those that go on from it.
    """

    before: tuple[str, ...]
    input: msgspec.Raw
    response: msgspec.Raw
    deleted: bool = False

    def items(self) -> Items:
        """What was said: the input, then the output."""
        output = msgspec.json.decode(self.response, type=dict[str, msgspec.Raw])["output"]
        return [*msgspec.json.decode(self.input), *msgspec.json.decode(output)]


class ResponseStore:
    """Responses by id and owner, in a `KeyValueStore`, for `ttl` seconds each."""

    def __init__(self, store: KeyValueStore, ttl: float) -> None:
        self._store = store
        self._ttl = ttl

    async def get(self, principal: Principal, id: str) -> Kept | None:
        """The response, None when there is none (any more) or it is another's."""
        value = await self._store.get(_key(principal, id))
        kept = None if value is None else msgspec.json.decode(value, type=Kept)
        return None if kept is None or kept.deleted else kept

    async def put(
        self, principal: Principal, *, before: Sequence[str], given: Items, response: Mapping[str, Any]
    ) -> None:
        """Keep a response with the input it answers."""
        kept = Kept(tuple(before), msgspec.Raw(msgspec.json.encode(given)), msgspec.Raw(msgspec.json.encode(response)))
        await self._store.set(_key(principal, str(response["id"])), msgspec.json.encode(kept), self._ttl)

    async def delete(self, principal: Principal, id: str) -> None:
        """Forget a response, but what was said in it only if no other goes on from it.

        It is first marked as deleted and then looked for whoever goes on, who does it the other way round.
        """
        key, kept = _key(principal, id), await self.get(principal, id)
        if kept is None:
            return
        deleted = msgspec.structs.replace(kept, deleted=True)
        await self._store.set(key, msgspec.json.encode(deleted), self._ttl)
        if await self._store.get(_followed(principal, id)) is None:
            await self._store.delete(key)

    async def follow(self, principal: Principal, id: str) -> None:
        """Keep what is said in this response for one that goes on from it. To be said before it is read."""
        await self._store.set(_followed(principal, id), b"1", self._ttl)

    async def history(self, principal: Principal, kept: Kept) -> Items | None:
        """What was said before a response's own input, oldest first; None when a part of it is gone."""
        keys = [_key(principal, id) for id in kept.before]
        found = await self._store.get_many(keys) if keys else {}
        if len(found) < len(set(keys)):
            return None
        return [item for key in keys for item in msgspec.json.decode(found[key], type=Kept).items()]


def _key(principal: Principal, id: str) -> str:
    return f"responses:{principal.id}:{id}"


def _followed(principal: Principal, id: str) -> str:
    return f"responses-followed:{principal.id}:{id}"
