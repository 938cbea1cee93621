"""The in-memory stores: what was set is found, bounds hold, time passes only by the clock."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nova_core.stores.memory import MemoryCounterStore, MemoryKeyValueStore
from nova_core.stores.protocols import CounterStore, KeyValueStore


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_they_are_what_the_protocols_ask_for():
    key_value: KeyValueStore = MemoryKeyValueStore()
    counters: CounterStore = MemoryCounterStore()
    assert isinstance(key_value, KeyValueStore)
    assert isinstance(counters, CounterStore)
    assert not isinstance(counters, KeyValueStore)


async def test_a_value_lives_for_its_ttl_and_not_longer(clock):
    store = MemoryKeyValueStore(clock=clock)
    await store.set("k", b"v", ttl=10)
    clock.now += 9.999
    assert await store.get("k") == b"v"
    clock.now += 0.001
    assert await store.get("k") is None
    assert store.bytes_held == 0


async def test_setting_again_replaces_value_and_ttl(clock):
    store = MemoryKeyValueStore(clock=clock)
    await store.set("k", b"old", ttl=1)
    await store.set("k", b"new")
    clock.now += 1e9
    assert await store.get("k") == b"new"
    await store.set("k", b"gone", ttl=0)
    assert await store.get("k") is None


async def test_many_are_read_at_once_and_missing_ones_are_absent(clock):
    store = MemoryKeyValueStore(clock=clock)
    await store.set("a", b"1")
    await store.set("b", b"2", ttl=1)
    await store.set("c", b"")
    await store.delete("nothing")
    clock.now += 1
    assert await store.get_many(["a", "b", "c", "d", "a"]) == {"a": b"1", "c": b""}


async def test_the_least_recently_used_value_leaves_when_there_are_too_many():
    store = MemoryKeyValueStore(max_items=2)
    await store.set("a", b"1")
    await store.set("b", b"2")
    await store.get("a")
    await store.set("c", b"3")
    assert await store.get_many(["a", "b", "c"]) == {"a": b"1", "c": b"3"}


async def test_expired_values_leave_before_live_ones(clock):
    store = MemoryKeyValueStore(max_items=2, clock=clock)
    await store.set("live", b"1", ttl=100)
    await store.set("short", b"2", ttl=1)
    clock.now += 1
    await store.set("new", b"3")
    assert await store.get_many(["live", "new"]) == {"live": b"1", "new": b"3"}


async def test_keys_and_values_count_and_what_is_larger_than_the_store_is_not_kept():
    store = MemoryKeyValueStore(max_bytes=10)
    await store.set("é", b"12345678")
    assert store.bytes_held == 10
    await store.set("é", b"123456789")
    assert (await store.get("é"), store.bytes_held) == (None, 0)


async def test_overwriting_one_key_for_long_does_not_grow_the_store(clock):
    store = MemoryKeyValueStore(clock=clock)
    for _ in range(2000):
        await store.set("k", b"v", ttl=60)
    assert len(store) == 1
    assert len(store._table._deadlines) < 200


@pytest.mark.parametrize("bounds", [{"max_items": 0}, {"max_bytes": 0}])
def test_a_store_without_room_is_refused(bounds):
    with pytest.raises(ValueError, match="at least 1"):
        MemoryKeyValueStore(**bounds)


async def test_a_counter_counts_within_its_window_which_later_adds_do_not_prolong(clock):
    store = MemoryCounterStore(clock=clock)
    assert await store.add("k", 3, ttl=60) == 3
    clock.now += 59
    assert await store.add("k", -1, ttl=60) == 2
    assert await store.read("k") == 2
    clock.now += 1
    assert await store.read("k") == 0
    assert await store.add("k", 1, ttl=60) == 1


@pytest.mark.parametrize("ttl", [0, -1, float("nan")])
async def test_a_counter_without_a_window_is_refused(ttl):
    with pytest.raises(ValueError, match="above 0"):
        await MemoryCounterStore().add("k", 1, ttl)


async def test_a_counter_in_use_outlives_idle_ones():
    store = MemoryCounterStore(max_items=3)
    for other in range(10):
        assert await store.add("busy", 1, ttl=60) == other + 1
        await store.add(f"idle {other}", 1, ttl=60)
    assert await store.read("busy") == 10
    assert len(store) == 3


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5, 5)), max_size=50))
def test_concurrent_adds_lose_nothing(adds):
    async def run() -> dict[str, int]:
        store = MemoryCounterStore()
        await asyncio.gather(*(store.add(key, amount, ttl=60) for key, amount in adds))
        return {key: await store.read(key) for key in "abc"}

    assert asyncio.run(run()) == {key: sum(amount for each, amount in adds if each == key) for key in "abc"}


KEYS = st.sampled_from([f"key{number}" for number in range(8)])
TTLS = st.one_of(st.none(), st.floats(-1, 20))


class KeyValueMachine(RuleBasedStateMachine):
    """Against a model that forgets nothing: the store may forget, and never answers anything else."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = MemoryKeyValueStore(max_items=4, max_bytes=60, clock=self.clock)
        self.model: dict[str, tuple[bytes, float]] = {}

    @rule(key=KEYS, value=st.binary(max_size=40), ttl=TTLS)
    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        asyncio.run(self.store.set(key, value, ttl))
        self.model[key] = (value, float("inf") if ttl is None else self.clock.now + ttl)
        if ttl is None or self.clock.now + ttl > self.clock.now:
            assert asyncio.run(self.store.get(key)) == value

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        asyncio.run(self.store.delete(key))
        self.model.pop(key, None)

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(keys=st.lists(KEYS, max_size=8))
    def read(self, keys: list[str]) -> None:
        for key, value in asyncio.run(self.store.get_many(keys)).items():
            expected, deadline = self.model[key]
            assert value == expected
            assert deadline > self.clock.now

    @invariant()
    def bounds_hold(self) -> None:
        entries = self.store._table._entries
        assert len(self.store) <= 4
        assert self.store.bytes_held <= 60
        assert self.store.bytes_held == sum(len(key) + len(entry.value) for key, entry in entries.items())


class TestAgreesWithAModelAndKeepsItsBoundsWhateverHappens(KeyValueMachine.TestCase):
    settings = settings(max_examples=40, deadline=None)
