"""Where small shared state lives: protocols, the stores of one process, and what reaches those of others."""

from __future__ import annotations

from nova_core.stores.claims import Grant, Kept, Lease, Reading, Refused, Taken, View, Window
from nova_core.stores.link import Link, LinkLostError
from nova_core.stores.memory import MemoryCounterStore, MemoryKeyValueStore, MemorySharedState
from nova_core.stores.protocols import (
    KEY_VALUE,
    SHARED_STATE,
    CounterStore,
    KeyValueStore,
    SharedState,
    StoreUnavailableError,
)
from nova_core.stores.remote import RemoteState
from nova_core.stores.turns import Turns

__all__ = [
    "KEY_VALUE",
    "SHARED_STATE",
    "CounterStore",
    "Grant",
    "Kept",
    "KeyValueStore",
    "Lease",
    "Link",
    "LinkLostError",
    "MemoryCounterStore",
    "MemoryKeyValueStore",
    "MemorySharedState",
    "Reading",
    "Refused",
    "RemoteState",
    "SharedState",
    "StoreUnavailableError",
    "Taken",
    "Turns",
    "View",
    "Window",
]
