"""A table with bounds: entries expire, and the least recently used leave when it is full."""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(slots=True)
class _Entry(Generic[V]):
    value: V
    deadline: float
    size: int


class BoundedTable(Generic[V]):
    """At most `max_items` entries of together at most `max_bytes`; `clock` answers seconds.

    Nothing runs beside it: expired entries go when they are asked for, or before a live one has to leave. It is
    for one event loop (or one thread): no locks.
    """

    __slots__ = ("_bytes", "_clock", "_deadlines", "_entries", "_max_bytes", "_max_items")

    def __init__(self, *, max_items: int, max_bytes: float, clock: Callable[[], float]) -> None:
        if max_items < 1 or max_bytes < 1:
            raise ValueError("the bounds of a store must be at least 1")
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, _Entry[V]] = OrderedDict()
        self._deadlines: list[tuple[float, str]] = []
        self._bytes = 0

    def __len__(self) -> int:
        """How many entries are held, expired ones that nobody asked for included."""
        return len(self._entries)

    @property
    def bytes_held(self) -> int:
        """The sizes of all entries together."""
        return self._bytes

    def get(self, key: str) -> V | None:
        """The live value; asking makes it the most recently used."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.deadline <= self._clock():
            self.remove(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    def put(self, key: str, value: V, *, ttl: float | None, size: int) -> None:
        """Replace or add. What is larger than the whole table, or already over, is not kept."""
        self.remove(key)
        if size > self._max_bytes or (ttl is not None and not ttl > 0):
            return
        deadline = math.inf if ttl is None else self._clock() + ttl
        self._entries[key] = _Entry(value, deadline, size)
        self._bytes += size
        if deadline < math.inf:
            heapq.heappush(self._deadlines, (deadline, key))
        self._make_room()

    def swap(self, key: str, value: V) -> None:
        """Give a live entry (just got) another value of the same size; its deadline stays."""
        self._entries[key].value = value

    def remove(self, key: str) -> None:
        """Forget a key, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size

    def _make_room(self) -> None:
        if self._is_over():
            self._remove_expired()
        while self._is_over():
            _, entry = self._entries.popitem(last=False)
            self._bytes -= entry.size
        if len(self._deadlines) > 2 * len(self._entries) + 64:
            self._deadlines = [(e.deadline, key) for key, e in self._entries.items() if e.deadline < math.inf]
            heapq.heapify(self._deadlines)

    def _is_over(self) -> bool:
        return len(self._entries) > self._max_items or self._bytes > self._max_bytes

    def _remove_expired(self) -> None:
        now = self._clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, key = heapq.heappop(self._deadlines)
            entry = self._entries.get(key)
            if entry is not None and entry.deadline <= now:
                self.remove(key)
