"""The ledger by its clock: what is over is over, what is bounded stays so, and what somebody holds stays held."""

from __future__ import annotations

import gc

import pytest

from nova_core.stores import Kept, Lease, MemorySharedState, Reading, Refused, Taken, View, Window
from nova_core.stores.leases import FIRST_SWEEP


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> MemorySharedState:
    return MemorySharedState(clock=clock)


def test_a_refusal_says_when_the_window_is_over(state, clock):
    assert isinstance(state.take_now((Window("rpm", 1),)), Taken)
    clock.now += 18.5
    assert state.take_now((Window("rpm", 1),)) == Refused(Window("rpm", 1), 1, 41.5)
    assert state.take_now((Window("tpm", 10, 11),)) == Refused(Window("tpm", 10, 11), 0, 60.0)
    clock.now += 41.5
    assert isinstance(state.take_now((Window("rpm", 1),)), Taken)


def test_a_lease_without_room_is_refused_without_a_time(state):
    held = state.take_now((Lease("runs", 1),))
    assert isinstance(held, Taken)
    assert state.take_now((Lease("runs", 1),)) == Refused(Lease("runs", 1), 1, 0.0)


def test_a_lease_lives_as_long_as_its_holder_has_it_in_hand(state, clock):
    held = [state.take_now((Lease("runs", 3, seconds=10),)) for _ in range(3)]
    clock.now += 1000
    assert state.look_now(Reading(leases=("runs",))).leases == {"runs": 3}
    del held[0]
    gc.collect()
    assert state.look_now(Reading(leases=("runs",))).leases == {"runs": 3}
    clock.now += 10
    assert state.look_now(Reading(leases=("runs",))).leases == {"runs": 2}


def test_a_view_knows_how_long_a_value_has_left(state, clock):
    state.put("cooling", "429", 5)
    clock.now += 1.5
    assert state.look_now(Reading(values=("cooling",))) == View(values={"cooling": Kept("429", 3.5)})
    assert state.pin_now("cooling", "other", 5) == "429"
    clock.now += 4.9
    assert state.pin_now("cooling", "other", 5) == "429"
    clock.now += 5
    assert state.pin_now("cooling", "other", 5) == "other"


def test_memory_is_bounded_whatever_keys_are_used(clock):
    state = MemorySharedState(max_items=100, clock=clock)
    busy = state.take_now((Window("busy", 2), Lease("busy", 2)))
    for number in range(5000):
        state.put(f"value {number}", "x", 60)
        taken = state.take_now((Window(f"window {number}", 1), Lease(f"lease {number}", 1)))
        assert isinstance(taken, Taken)
        state.settle(taken)
        assert isinstance(state.take_now((Window("busy", 1, 0),)), Refused)
    assert len(state) <= 100 + 100 + FIRST_SWEEP
    assert isinstance(busy, Taken)
    assert state.look_now(Reading(leases=("busy",))).leases == {"busy": 1}
