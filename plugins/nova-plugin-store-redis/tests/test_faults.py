"""Redis is slow, gone, back, or refuses: nobody waits for longer than the budget, and everybody gets an answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator

import pytest
from redis.asyncio import Redis

from nova_core.stores import Lease, Reading, Refused, RemoteState, Taken, View, Window
from nova_core.types.secret import Secret
from nova_plugin_store_redis.link import RedisLink
from nova_plugin_store_redis.settings import RedisSettings
from tests.stores.redis_server import RedisServer, SlowPath
from tests.stores.waiting import expect_soon, until

BUDGET = 0.2
SLACK = 0.2
PULSE = 0.01


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@contextlib.asynccontextmanager
async def state_at(port: int, **changes):
    settings = RedisSettings(f"Redis at 127.0.0.1:{port}", port=port, budget=BUDGET, **changes)
    state = RemoteState(RedisLink(settings), budget=settings.budget, renew_seconds=0.1)
    await state.start()
    try:
        yield state
    finally:
        await state.aclose()


class Callers:
    """Take, hold for a moment and settle, over and over; remember the longest wait, and how late the machine was."""

    def __init__(self, state: RemoteState, number: int) -> None:
        self.longest = 0.0
        self.answered = 0
        self._lateness = 0.0
        self._stopped = False
        self._tasks = [asyncio.create_task(self._call(state)) for _ in range(number)]
        self._tasks.append(asyncio.create_task(self._feel_pulse()))

    async def _call(self, state: RemoteState) -> None:
        while not self._stopped:
            began = time.monotonic()
            answer = await state.take((Window("rpm", 10**9), Lease("runs", 1000)))
            self.longest = max(self.longest, time.monotonic() - began)
            self.answered += 1
            assert isinstance(answer, Taken)
            await asyncio.sleep(0.002)
            state.settle(answer)

    async def _feel_pulse(self) -> None:
        while not self._stopped:
            began = time.monotonic()
            await asyncio.sleep(PULSE)
            self._lateness = max(self._lateness, time.monotonic() - began - PULSE)

    @property
    def kept_to_the_budget(self) -> bool:
        """A wait takes several turns of the loop, and each of them may come late on a busy machine."""
        return self.longest < BUDGET + SLACK + 4 * self._lateness

    async def stop(self) -> None:
        self._stopped = True
        await asyncio.gather(*self._tasks)


def said(caplog, text: str) -> int:
    return sum(text in record.getMessage() for record in caplog.records)


async def test_killed_and_restarted_under_load_it_is_taken_over_at_once_and_given_back_by_itself(server, caplog):
    async with state_at(server.port) as state, state_at(server.port) as other:
        callers = Callers(state, 20)
        held = await state.take((Lease("long", 2),))
        await until(lambda: callers.answered > 200)
        server.kill()
        await until(lambda: not state.is_shared)
        before = callers.answered
        await until(lambda: callers.answered > before + 500)
        server.start()
        await until(lambda: state.is_shared and other.is_shared)
        await callers.stop()
        await expect_soon(1, lambda: _runs(other, "long"))
        assert isinstance(held, Taken)
        assert callers.kept_to_the_budget
        await expect_soon(0, lambda: _runs(other, "runs"))
    assert said(caplog, "is out of reach") == 1
    assert said(caplog, "is shared again") == 1


async def _runs(state: RemoteState, key: str) -> int:
    return (await state.look(Reading(leases=(key,)))).leases.get(key, 0)


async def test_while_it_stalls_nobody_waits_longer_than_the_budget_and_then_nobody_waits(server, caplog):
    async with SlowPath.to(server.port) as path, state_at(path.port) as state:
        callers = Callers(state, 50)
        await until(lambda: callers.answered > 200)
        path.stall()
        await until(lambda: not state.is_shared)
        before, began = callers.answered, time.monotonic()
        await until(lambda: callers.answered > before + 1000)
        assert time.monotonic() - began < 3
        await until(lambda: said(caplog, "no answer within"))
        path.flow()
        await until(lambda: state.is_shared)
        await callers.stop()
        assert callers.kept_to_the_budget
    assert said(caplog, "no answer within") == 1


@pytest.mark.parametrize("late_by", [0.0, 1.5], ids=["late", "lost"])
async def test_what_was_taken_without_anybody_knowing_is_free_again_when_it_is_back(server, late_by):
    async with SlowPath.to(server.port) as path, state_at(path.port) as state, state_at(server.port) as other:
        await state.take((Lease("warm"),))
        path.stall()
        taken = await state.take((Lease("runs", 1),))
        assert isinstance(taken, Taken)
        assert not state.is_shared
        assert await _runs(other, "runs") == 1  # the take that nobody knows of
        await asyncio.sleep(late_by)
        path.flow()
        await until(lambda: state.is_shared)
        state.settle(taken)
        await expect_soon(0, lambda: _runs(other, "runs"))


async def test_during_the_loss_the_counts_last_seen_still_limit_this_process(server):
    async with state_at(server.port) as state, state_at(server.port) as other:
        for taker in (other, other, state):
            assert isinstance(await taker.take((Window("rpm", 4), Lease("runs", 3))), Taken)
        server.kill()
        answers = [await state.take((Window("rpm", 4),)) for _ in range(3)]
        assert [type(answer) for answer in answers] == [Taken, Refused, Refused]
        state.put("cooling:a", "500", 60)
        assert set((await state.look(Reading(values=("cooling:a",)))).values) == {"cooling:a"}


async def test_what_was_told_during_a_short_loss_is_said_when_it_is_back(server):
    async with SlowPath.to(server.port) as path, state_at(path.port) as state, state_at(server.port) as other:
        taken = await state.take((Window("tpm", 1000, 300), Lease("runs", 1)))
        assert isinstance(taken, Taken)
        path.stall()
        await state.look(Reading())
        assert not state.is_shared
        state.settle(taken, {"tpm": 120})
        state.put("cooling:a", "500", 60)
        path.flow()
        await until(lambda: state.is_shared)
        view = await state.look(Reading(("tpm",), ("runs",), ("cooling:a",)))
        assert (view.windows, view.leases, set(view.values)) == ({"tpm": 120}, {}, {"cooling:a"})
        assert await _runs(other, "runs") == 0


async def test_a_hiccup_is_not_worth_a_word_and_is_over_at_once(server, caplog):
    async with SlowPath.to(server.port) as path, state_at(path.port) as state:
        path.stall()
        taken = await state.take((Window("rpm", 5), Lease("runs", 5)))
        assert isinstance(taken, Taken)
        assert not state.is_shared
        path.flow()
        await until(lambda: state.is_shared, 0.1)
        view = await state.look(Reading(("rpm",), ("runs",)))
        assert view == View()  # the late take is given back; what was taken meanwhile is only known here
    assert caplog.records == []


async def test_a_gateway_starts_without_it_and_finds_it_later(server, caplog):
    server.kill()
    began = time.monotonic()
    async with state_at(server.port) as state:
        assert time.monotonic() - began < 2.5
        assert not state.is_shared
        assert isinstance(await state.take((Window("rpm", 1),)), Taken)
        assert isinstance(await state.take((Window("rpm", 1),)), Refused)
        server.start()
        await until(lambda: state.is_shared)
    assert said(caplog, "is out of reach") == 1


async def test_flushed_scripts_are_loaded_again_and_nothing_is_done_twice(server):
    async with state_at(server.port) as state:
        await state.take((Window("rpm", 10),))
        direct = Redis(port=server.port)
        await direct.script_flush()
        await direct.aclose()
        answers = await asyncio.gather(*(state.take((Window("rpm", 10),)) for _ in range(20)))
        assert [type(answer) for answer in answers].count(Taken) == 9
        assert state.is_shared


async def test_what_redis_refuses_is_a_loss_with_its_reason(server, caplog):
    async with state_at(server.port) as state:
        direct = Redis(port=server.port)
        await direct.set("{nova}:window:rpm", "not a window")
        assert isinstance(await state.take((Window("rpm", 1),)), Taken)
        await direct.aclose()
    assert said(caplog, "WRONGTYPE") == 1


@pytest.mark.parametrize("by_url", [True, False])
async def test_a_wrong_password_is_a_warning_that_does_not_show_it(caplog, by_url):
    caplog.set_level(logging.DEBUG)
    with RedisServer("--requirepass", "right-secret") as server:
        wrong = "wr0ng-s3cret"
        url = f"redis://:{wrong}@127.0.0.1:{server.port}/0"
        credentials = {"url": Secret(url)} if by_url else {"password": Secret(wrong)}
        async with state_at(server.port, **credentials) as state:
            assert not state.is_shared
            assert isinstance(await state.take((Lease("runs"),)), Taken)
        async with state_at(server.port, password=Secret("right-secret")) as state:
            assert state.is_shared
    assert said(caplog, "is out of reach") == 1
    assert wrong not in caplog.text
    assert "right-secret" not in caplog.text


async def test_keys_of_one_namespace_share_a_slot_and_those_of_another_are_apart(server):
    async with state_at(server.port, namespace="a") as one, state_at(server.port, namespace="b") as two:
        assert isinstance(await one.take((Window("rpm", 1), Lease("runs", 1))), Taken)
        assert isinstance(await two.take((Window("rpm", 1), Lease("runs", 1))), Taken)
        one.put("v", "x", 60)
        await one.look(Reading())
        direct = Redis(port=server.port)
        keys = {key.decode() for key in await direct.keys()}
        lives = [await direct.pttl(key) for key in keys]
        await direct.aclose()
    assert {key for key in keys if key.startswith("{a}:")} == {
        "{a}:window:rpm",
        "{a}:lease:runs",
        "{a}:value:v",
        "{a}:value:",
    }
    assert all(0 < life <= 60_000 for life in lives)
