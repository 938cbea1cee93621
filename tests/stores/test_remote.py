"""State that somebody else holds, over the parent's link: batches, deadlines, and what remains when it is silent."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence

import pytest

from nova_core.server.shared_store import ParentLink, SharedStore
from nova_core.stores import Lease, Reading, Refused, RemoteState, Taken, Window
from nova_core.stores.link import LinkLostError
from nova_core.stores.operations import Answer, Operation
from tests.stores.waiting import expect_soon, until


class Watched(ParentLink):
    """Remembers how much went out at once."""

    batches: list[int]

    async def exchange(self, operations: Sequence[Operation]) -> Sequence[Answer]:
        self.batches.append(len(operations))
        return await super().exchange(operations)


async def test_what_is_said_in_one_turn_of_the_loop_is_one_batch():
    store = SharedStore()
    link = Watched(await store.connect())
    link.batches = []
    state = RemoteState(link, budget=2.0)
    await state.start()
    link.batches.clear()
    answers = await asyncio.gather(*(state.take((Window("rpm", 1000), Lease("runs"))) for _ in range(100)))
    for taken in answers:
        assert isinstance(taken, Taken)
        state.settle(taken)
    assert (await state.look(Reading(("rpm",), ("runs",)))).windows == {"rpm": 100}
    assert link.batches == [100, 101]
    await state.aclose()
    await store.aclose()


async def test_a_view_that_is_young_enough_is_not_asked_for_again():
    store = SharedStore()
    link = Watched(await store.connect())
    link.batches = []
    state = RemoteState(link, budget=2.0)
    await state.start()
    link.batches.clear()
    views = [await state.look(Reading(("rpm",)), max_age=60) for _ in range(10)]
    assert views == views[:1] * 10
    assert link.batches == [1]
    await state.look(Reading(("rpm",)))
    assert link.batches == [1, 1]
    await state.aclose()
    await store.aclose()


async def test_a_silent_parent_costs_the_budget_once_and_each_worker_goes_on_alone(caplog):
    ours, theirs = socket.socketpair()
    state = RemoteState(ParentLink(theirs), budget=0.8)
    began = time.monotonic()
    await state.start()
    assert not state.is_shared
    answers = await asyncio.gather(*(state.take((Window("rpm", 20),)) for _ in range(100)))
    assert [type(answer) for answer in answers].count(Taken) == 20
    assert time.monotonic() - began < 1.6
    assert sum("out of reach" in record.getMessage() for record in caplog.records) == 1
    await state.aclose()
    ours.close()


async def test_a_late_answer_is_not_taken_for_the_next_one(monkeypatch):
    store = SharedStore()
    link = ParentLink(await store.connect())
    state = RemoteState(link, budget=0.3)
    await state.start()
    held = await state.take((Lease("runs", 1),))
    assert isinstance(held, Taken)
    ledger = store._ledger
    released = asyncio.Event()
    serve = link._answers

    async def slowly(reader: asyncio.StreamReader):
        await released.wait()
        return await serve(reader)

    monkeypatch.setattr(link, "_answers", slowly)
    assert isinstance(await state.take((Lease("runs", 1),)), Refused)  # by what this process knows
    assert not state.is_shared
    released.set()
    await until(lambda: state.is_shared)
    assert (await state.look(Reading(leases=("runs", "other")))).leases == {"runs": 1}
    state.settle(held)
    await expect_soon({}, lambda: _leases(state))
    assert ledger.look(Reading(leases=("runs",))).leases == {}
    await state.aclose()
    await store.aclose()


async def _leases(state: RemoteState) -> dict[str, int]:
    return dict((await state.look(Reading(leases=("runs",)))).leases)


async def test_what_a_worker_held_is_free_as_soon_as_it_died():
    store = SharedStore()
    end = await store.connect()
    dying, living = RemoteState(ParentLink(end)), RemoteState(ParentLink(await store.connect()))
    kept = [await dying.take((Lease("runs", 2),)) for _ in range(2)]
    assert isinstance(await living.take((Lease("runs", 2),)), Refused)
    end.shutdown(socket.SHUT_RDWR)
    await expect_soon({}, lambda: _leases(living))
    assert len(kept) == 2
    await dying.aclose()
    await living.aclose()
    await store.aclose()


async def test_a_link_that_breaks_in_an_unforeseen_way_is_a_loss_and_not_the_end():
    class Brittle(ParentLink):
        broken = False

        async def exchange(self, operations: Sequence[Operation]) -> Sequence[Answer]:
            if self.broken:
                raise KeyError("unforeseen")
            return await super().exchange(operations)

    store = SharedStore()
    link = Brittle(await store.connect())
    state = RemoteState(link, budget=2.0)
    await state.start()
    link.broken = True
    assert isinstance(await state.take((Window("rpm", 1),)), Taken)
    assert not state.is_shared
    link.broken = False
    await until(lambda: state.is_shared)
    await state.aclose()
    await state.aclose()
    assert isinstance(await state.take((Window("rpm", 1),)), Refused)
    await store.aclose()


async def test_nothing_is_exchanged_over_a_link_that_is_not_open():
    ours, theirs = socket.socketpair()
    link = ParentLink(theirs)
    with pytest.raises(LinkLostError, match="not open"):
        await link.exchange([])
    ours.close()
    theirs.close()
