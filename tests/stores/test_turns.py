"""Whoever waits for a lease gets it in turn, or hears in time that there is none."""

from __future__ import annotations

import asyncio
import time

from nova_core.stores import Lease, MemorySharedState, Reading, Refused, Taken, Turns, Window

ONE = (Lease("runs", 1),)


async def test_those_who_wait_are_served_in_the_order_they_came():
    turns = Turns(MemorySharedState(), poll=60)
    served: list[int] = []

    async def run(number: int) -> None:
        taken = await turns.take((Lease("runs", 2), Window("rpm", 1000)), seconds=10)
        assert isinstance(taken, Taken)
        served.append(number)
        await asyncio.sleep(0)
        turns.settle(taken)

    await asyncio.gather(*(run(number) for number in range(50)))
    assert served == list(range(50))
    assert turns.waiting("runs") == 0


async def test_a_wait_ends_with_its_time_and_lets_the_next_one_be_first():
    state = MemorySharedState()
    turns = Turns(state, poll=60)
    held = await turns.take(ONE, seconds=0)
    assert isinstance(held, Taken)
    short = asyncio.create_task(turns.take(ONE, seconds=0.05))
    long = asyncio.create_task(turns.take(ONE, seconds=10))
    refused = await short
    assert isinstance(refused, Refused)
    assert (refused.claim, refused.used, turns.waiting("runs")) == (ONE[0], 1, 1)
    turns.release(held)
    taken = await long
    assert isinstance(taken, Taken)
    assert state.look_now(Reading(leases=("runs",))).leases == {"runs": 1}


async def test_whoever_leaves_the_line_takes_nothing_and_holds_up_nobody():
    state = MemorySharedState()
    turns = Turns(state, poll=60)
    held = await turns.take(ONE, seconds=0)
    assert isinstance(held, Taken)
    waiting = [asyncio.create_task(turns.take(ONE, seconds=10)) for _ in range(3)]
    await asyncio.sleep(0.01)
    turns.settle(held)
    waiting[0].cancel()
    taken = await waiting[1]
    assert isinstance(taken, Taken)
    waiting[2].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert state.look_now(Reading(leases=("runs",))).leases == {"runs": 1}
    assert turns.waiting("runs") == 0


async def test_nobody_waits_for_a_window_nor_in_a_line_that_is_full():
    turns = Turns(MemorySharedState(), poll=60, most=1)
    held = await turns.take((*ONE, Window("rpm", 1)), seconds=0)
    assert isinstance(held, Taken)
    began = time.monotonic()
    assert isinstance(await turns.take((Window("rpm", 1),), seconds=10), Refused)
    waiting = asyncio.create_task(turns.take(ONE, seconds=10))
    await asyncio.sleep(0)
    full = await turns.take(ONE, seconds=10)
    assert isinstance(full, Refused)
    assert full.claim == ONE[0]
    assert time.monotonic() - began < 5
    turns.settle(held)
    assert isinstance(await waiting, Taken)


async def test_what_others_give_back_is_found_by_asking_now_and_then(members):
    one, other = await members(2)
    turns = Turns(one, poll=0.02)
    held = await other.take(ONE)
    assert isinstance(held, Taken)
    waiting = asyncio.create_task(turns.take(ONE, seconds=10))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    other.settle(held)
    assert isinstance(await waiting, Taken)
