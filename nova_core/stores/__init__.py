"""Where small shared state lives: protocols, and the stores of one process."""

from __future__ import annotations

from nova_core.stores.memory import MemoryCounterStore, MemoryKeyValueStore
from nova_core.stores.protocols import CounterStore, KeyValueStore, StoreUnavailableError

__all__ = ["CounterStore", "KeyValueStore", "MemoryCounterStore", "MemoryKeyValueStore", "StoreUnavailableError"]
