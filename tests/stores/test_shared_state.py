"""What every shared state does, whether one process, a parent or Redis holds the truth."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_core.stores import Kept, Lease, Reading, Refused, SharedState, Taken, View, Window
from tests.stores.conftest import sharing
from tests.stores.waiting import expect_soon


async def count_of(state: SharedState, key: str) -> int:
    return (await state.look(Reading(windows=(key,)))).windows.get(key, 0)


async def runs_of(state: SharedState, key: str) -> int:
    return (await state.look(Reading(leases=(key,)))).leases.get(key, 0)


async def test_it_is_what_the_protocol_asks_for(members):
    (state,) = await members(1)
    assert isinstance(state, SharedState)


async def test_of_a_hundred_takes_at_once_by_two_members_exactly_the_limit_succeeds(members):
    one, two = await members(2)
    for attempt in range(50):
        claims = (Window(f"rpm {attempt}", 20), Lease(f"runs {attempt}", 1000))
        answers = await asyncio.gather(*(state.take(claims) for _ in range(50) for state in (one, two)))
        assert Counter(type(answer) for answer in answers) == {Taken: 20, Refused: 80}


async def test_a_window_is_over_for_everybody_at_once_and_says_when(members):
    one, two = await members(2)
    claims = (Window("rpm", 2, seconds=0.3),)
    for _ in range(3):
        assert isinstance(await one.take(claims), Taken)
        assert isinstance(await two.take(claims), Taken)
        refused = await one.take(claims)
        assert isinstance(refused, Refused)
        assert (refused.claim, refused.used) == (claims[0], 2)
        assert 0 < refused.retry_after <= 0.3
        await asyncio.sleep(refused.retry_after + 0.02)


async def test_all_claims_are_taken_or_none_and_the_one_that_takes_longest_is_named(members):
    (state,) = await members(1)
    assert isinstance(await state.take((Window("short", 1, seconds=30), Window("long", 1, seconds=60))), Taken)
    refused = await state.take((Lease("runs"), Window("free", 9), Window("short", 1), Window("long", 1)))
    assert isinstance(refused, Refused)
    assert refused.claim.key == "long"
    assert 30 < refused.retry_after <= 60
    assert await state.look(Reading(("free", "short", "long"), ("runs",))) == View({"short": 1, "long": 1})


async def test_what_is_used_of_each_claim_is_told_to_the_taker(members):
    (state,) = await members(1)
    claims = (Window("tpm", 1000, 300, 10), Lease("runs", 5))
    await state.take(claims)
    taken = await state.take(claims)
    assert isinstance(taken, Taken)
    assert [(grant.claim, grant.used) for grant in taken.grants] == [(claims[0], 600), (claims[1], 2)]
    assert 0 < taken.grants[0].left <= 10


async def test_a_claim_of_nothing_still_asks_for_room(members):
    (state,) = await members(1)
    assert isinstance(await state.take((Window("tpm", 10, 0),)), Taken)
    state.count("tpm", 10, 60)
    assert isinstance(await state.take((Window("tpm", 10, 0),)), Refused)
    assert isinstance(await state.take((Window("none", 0),)), Refused)


async def test_settling_corrects_the_window_and_frees_the_lease_once(members):
    one, two = await members(2)
    taken = await one.take((Window("rpm", 9), Window("tpm", 1000, 300), Lease("runs", 1)))
    assert isinstance(taken, Taken)
    assert isinstance(await two.take((Lease("runs", 1),)), Refused)
    for _ in range(3):
        one.settle(taken, {"tpm": 120})
        one.release(taken)
    assert await one.look(Reading(("rpm", "tpm"), ("runs",))) == View({"rpm": 1, "tpm": 120})
    assert isinstance(await two.take((Lease("runs", 1),)), Taken)


async def test_releasing_gives_everything_back_once(members):
    (state,) = await members(1)
    kept = await state.take((Window("rpm", 9), Window("tpm", 1000, 300)))
    taken = await state.take((Window("rpm", 9), Window("tpm", 1000, 300), Lease("runs", 1)))
    assert isinstance(kept, Taken)
    assert isinstance(taken, Taken)
    for _ in range(3):
        state.release(taken)
    assert await state.look(Reading(("rpm", "tpm"), ("runs",))) == View({"rpm": 1, "tpm": 300})


async def test_after_its_window_only_what_was_not_reserved_is_counted(members):
    (state,) = await members(1)
    more = await state.take((Window("more", 1000, 300, 0.1),))
    less = await state.take((Window("less", 1000, 300, 0.1),))
    assert isinstance(more, Taken)
    assert isinstance(less, Taken)
    await asyncio.sleep(0.15)
    state.count("less", 500, 60)
    state.settle(more, {"more": 400})
    state.settle(less, {"less": 10})
    assert await count_of(state, "more") == 100
    assert await count_of(state, "less") == 500


async def test_a_lease_outlives_its_seconds_while_it_is_held_and_ends_when_it_was_forgotten(members):
    one, two = await members(2)
    held = await one.take((Lease("runs", 2, seconds=0.4),))
    forgotten = await one.take((Lease("runs", 2, seconds=0.4),))
    assert isinstance(held, Taken)
    await asyncio.sleep(0.6)
    assert await runs_of(two, "runs") == 2
    assert isinstance(await two.take((Lease("runs", 2),)), Refused)
    del forgotten
    await expect_soon(1, lambda: runs_of(two, "runs"))
    one.settle(held)
    assert await runs_of(one, "runs") == 0


async def test_a_take_whose_taker_left_meanwhile_is_given_back(members):
    one, two = await members(2)
    takers = [asyncio.create_task(one.take((Window("rpm", 9), Lease("runs", 9)))) for _ in range(5)]
    await asyncio.sleep(0)
    for taker in takers:
        taker.cancel()
    left = [answer for answer in await asyncio.gather(*takers, return_exceptions=True) if isinstance(answer, Taken)]
    view = View({"rpm": len(left)}, {"runs": len(left)}) if left else View()
    await expect_soon(view, lambda: two.look(Reading(("rpm",), ("runs",))))


async def test_values_are_seen_by_others_until_their_time_is_over(members):
    one, two = await members(2)
    one.put("cooling:a", "429 – zu viel", 0.2)
    one.put("cooling:b", "500", 60)
    one.put("cooling:b", "503", 60)
    one.put("cooling:c", "x", 60)
    one.put("cooling:c", "x", 0)
    await one.look(Reading())
    seen = (await two.look(Reading(values=("cooling:a", "cooling:b", "cooling:c", "cooling:d")))).values
    assert {key: kept.value for key, kept in seen.items()} == {"cooling:a": "429 – zu viel", "cooling:b": "503"}
    assert 0 < seen["cooling:a"].left <= 0.2
    await asyncio.sleep(0.25)
    assert set((await two.look(Reading(values=("cooling:a", "cooling:b")))).values) == {"cooling:b"}


async def test_the_first_to_pin_wins_and_every_pin_prolongs(members):
    one, two = await members(2)
    answers = await asyncio.gather(*(state.pin("user", name, 0.3) for state, name in ((one, "a"), (two, "b"))))
    assert len(set(answers)) == 1
    for _ in range(4):
        await asyncio.sleep(0.15)
        assert await two.pin("user", "c", 0.3) == answers[0]
    await asyncio.sleep(0.35)
    assert await one.pin("user", "c", 0.3) == "c"


async def test_counts_by_several_members_add_up_and_windows_leases_and_values_have_their_own_keys(members):
    one, two = await members(2)
    for state in (one, two):
        for _ in range(30):
            state.count("k", 7, 60)
        await state.look(Reading())
    one.put("k", "v", 60)
    taken = await one.take((Lease("k"),))
    view = await one.look(Reading(("k",), ("k",), ("k",)))
    assert (view.windows, view.leases, view.values["k"].value) == ({"k": 420}, {"k": 1}, "v")
    assert isinstance(view.values["k"], Kept)
    assert isinstance(taken, Taken)


async def test_a_thousand_deployments_are_read_at_once(members):
    (state,) = await members(1)
    keys = tuple(f"tpm:{number}" for number in range(1000))
    for number in range(0, 1000, 100):
        state.count(keys[number], number + 1, 60)
    view = await state.look(Reading(keys, keys, keys))
    assert view == View({keys[number]: number + 1 for number in range(0, 1000, 100)})


KEYS = st.sampled_from(["a", "b"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(0, 1), KEYS, st.integers(0, 6), st.integers(0, 3)),
        st.tuples(st.just("settle"), st.integers(0, 20), st.integers(0, 12)),
        st.tuples(st.just("release"), st.integers(0, 20)),
    ),
    max_size=30,
)
LIMITS = {"rpm:a": 5, "rpm:b": 2, "tpm:a": 12, "tpm:b": 30}


def test_whatever_is_taken_settled_and_released_the_sums_are_right(kind, port):
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def expect_what_arithmetic_expects(steps):
        asyncio.run(_follow(kind, port, steps))

    expect_what_arithmetic_expects()


async def _follow(kind, port, steps) -> None:
    """Carry out the steps, of several members, beside a plain sum."""
    expected: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    taken: list[tuple[SharedState, Taken, str, int]] = []
    ended: set[str] = set()
    async with sharing(kind, port, renew_seconds=30) as make:
        states = await make(2)
        for step in steps:
            match step:
                case ("take", who, name, tokens, limit):
                    rpm, tpm = f"rpm:{name}", f"tpm:{name}"
                    claims = (Window(rpm, LIMITS[rpm]), Window(tpm, LIMITS[tpm], tokens), Lease(name, limit or None))
                    fits = expected[rpm] < LIMITS[rpm] and expected[tpm] + (tokens or 1) <= LIMITS[tpm]
                    fits = fits and (limit == 0 or runs[name] < limit)
                    answer = await states[who].take(claims)
                    assert isinstance(answer, Taken if fits else Refused)
                    if isinstance(answer, Taken):
                        taken.append((states[who], answer, name, tokens))
                        expected.update({rpm: 1, tpm: tokens})
                        runs[name] += 1
                case (end, number, *actual) if taken:
                    state, what, name, tokens = taken[number % len(taken)]
                    rpm, tpm = f"rpm:{name}", f"tpm:{name}"
                    if end == "settle":
                        state.settle(what, {tpm: actual[0]})
                        change = {tpm: actual[0] - tokens}
                    else:
                        state.release(what)
                        change = {rpm: -1, tpm: -tokens}
                    if what.id not in ended:
                        ended.add(what.id)
                        expected.update(change)
                        runs[name] -= 1
                    await state.look(Reading())
            view = await states[0].look(Reading(tuple(LIMITS), ("a", "b")))
            assert {key: view.windows.get(key, 0) for key in LIMITS} == {key: expected[key] for key in LIMITS}
            assert {key: view.leases.get(key, 0) for key in ("a", "b")} == {key: runs[key] for key in ("a", "b")}
