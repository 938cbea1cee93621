"""What a WebSocket remembers: the last response of each lane, where nobody else keeps it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from nova_core.errors import BadRequestError
from nova_core.gateway.response_session import previous_not_found
from nova_core.stores import KeyValueStore

Items = list[msgspec.Raw]

MOST_FORGOTTEN: Final = 1000
"""How many ids of responses that are gone a connection knows; later they are like ids that it never had."""
REMEMBERED_SECONDS: Final = 3600.0

_ITEMS = msgspec.json.Decoder(Items)
_ENCODE = msgspec.json.Encoder().encode


class Turn(msgspec.Struct, frozen=True):
    """What was said up to and with a response: `items`, after the response `root` where that is kept elsewhere."""

    root: str | None = None
    items: Items = []

    def and_then(self, given: Items) -> Turn:
        """The same with what was said next."""
        return Turn(self.root, [*self.items, *given])


class Turns:
    """The turns of one connection, in a store that all connections share: its bound is theirs together."""

    def __init__(self, store: KeyValueStore, connection: str) -> None:
        self._store = store
        self._connection = connection
        self._last: dict[str | None, str] = {}
        self._gone: deque[str] = deque(maxlen=MOST_FORGOTTEN)

    async def until(self, previous: str | None) -> Turn:
        """What a request goes on from. Raises BadRequestError for a response that is not remembered any more."""
        if previous is None:
            return Turn()
        value = await self._store.get(self._key(previous))
        if value is not None:
            return msgspec.json.decode(value, type=Turn)
        if previous in self._gone or previous in self._last.values():
            raise previous_not_found(previous)
        return Turn(previous)

    async def ended(self, lane: str | None, id: str, turn: Turn | None) -> None:
        """The last response of a lane is another one now; `turn` is what it stands for, None if that is kept."""
        await self._forget(lane)
        if turn is not None:
            self._last[lane] = id
            await self._store.set(self._key(id), _ENCODE(turn), REMEMBERED_SECONDS)

    async def failed(self, lane: str | None, previous: str | None) -> None:
        """A request failed: its lane cannot go on from that response once more, other lanes can."""
        if self._last.get(lane) == previous:
            await self._forget(lane)

    async def close(self) -> None:
        """Remember nothing."""
        for lane in list(self._last):
            await self._forget(lane)

    async def _forget(self, lane: str | None) -> None:
        id = self._last.pop(lane, None)
        if id is not None:
            self._gone.append(id)
            await self._store.delete(self._key(id))

    def _key(self, id: str) -> str:
        return f"{self._connection}:{id}"


def _is_empty_thought(item: Any) -> bool:
    if not isinstance(item, Mapping) or item.get("type") != "reasoning":
        return False
    return not any(map(item.get, ("encrypted_content", "summary", "content")))


def given_items(given: Any) -> Items:
    """The items of an `input`. Raises BadRequestError."""
    raw = bytes(given) if isinstance(given, msgspec.Raw) else _ENCODE(given)
    if raw.lstrip()[:1] == b'"':
        return [msgspec.Raw(b'{"role":"user","content":%b}' % raw)]
    try:
        return [] if raw.strip() == b"null" else _ITEMS.decode(raw)
    except msgspec.ValidationError as error:
        raise BadRequestError("`input` must be a string or an array of items", param="input") from error


def said_items(output: Sequence[msgspec.Raw]) -> Items:
    """The items of an `output` as they are given back.

    A thought that neither shows nor holds anything is left out: it stands for one that its maker does not keep. The
    ids of what was said with it would lead there, so they are left out, too.
    """
    kept = [item for item in output if not _is_empty_thought(msgspec.json.decode(item))]
    if len(kept) == len(output):
        return kept
    members = (msgspec.json.decode(item, type=dict[str, msgspec.Raw]) for item in kept)
    return [msgspec.Raw(_ENCODE({name: each[name] for name in each if name != "id"})) for each in members]
