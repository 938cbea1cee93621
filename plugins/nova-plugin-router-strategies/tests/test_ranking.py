"""Orders of preference as pure functions: the same twice, nothing invented, and random choices evenly spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.types.deployment import Deployment
from nova_core.types.facts import ModelFacts
from nova_core.types.prices import Prices
from nova_core.types.shuffling import MOST_TRIED, shuffled
from nova_plugin_router_strategies.meters import Latencies
from nova_plugin_router_strategies.plans import LatencyArgs
from nova_plugin_router_strategies.prices import PriceList
from nova_plugin_router_strategies.ranking import (
    Order,
    better_of_two,
    busyness,
    latencies,
    lowest,
    speed,
    usage,
)

ARGS = LatencyArgs()
CRITICAL = {1: 10.83, 2: 13.82, 3: 16.27, 5: 20.52, 23: 49.73}
"""Chi-square at p = 0.001, by degrees of freedom."""


def deployment(name: str, **fields: object) -> Deployment:
    return Deployment(id=name, group="m", provider="echo", model=name, **fields)  # type: ignore[arg-type]


def several(names: str) -> Order:
    return tuple(deployment(name) for name in names)


def chi_square(seen: Counter[str], expected: dict[str, float]) -> float:
    return sum((seen[name] - count) ** 2 / count for name, count in expected.items())


def first_of(decide: Callable[[int], Order], times: int) -> Counter[str]:
    random = Random(20260101)
    return Counter(decide(random.getrandbits(64))[0].id for _ in range(times))


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=60), st.integers(0, 2**64 - 1), st.floats(0, 2))
def test_a_decision_is_the_same_twice_begins_with_the_lowest_and_invents_nothing(
    scores: list[float], seed: int, slack: float
) -> None:
    candidates = tuple(deployment(str(place)) for place in range(len(scores)))
    once, twice = (lowest(candidates, scores, seed, slack) for _ in range(2))
    assert once == twice
    assert len({each.id for each in once}) == len(once) == min(len(candidates), MOST_TRIED)
    best = min(scores) * (1 + slack)
    ranks = [scores[int(each.id)] for each in once]
    assert ranks[0] <= best
    above = [rank for rank in ranks if rank > best]
    assert above == sorted(above) == ranks[len(ranks) - len(above) :]


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.floats(0, 100), st.floats(0, 1000))),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9)),
    st.integers(0, 2**64 - 1),
)
def test_the_better_of_two_is_the_same_twice_and_no_slower_than_the_other(
    seen: dict[str, tuple[float, float]], busy: dict[str, int], seed: int
) -> None:
    once, scores = better_of_two(several("abcdef"), seen, busy, 1000.0, ARGS, seed)
    assert (once, scores) == better_of_two(several("abcdef"), seen, busy, 1000.0, ARGS, seed)
    assert sorted(each.id for each in once) == list("abcdef")
    assert scores[once[0].id] <= scores[once[1].id]


@pytest.mark.parametrize("field", ["weight", "rpm", "tpm"])
def test_the_weighted_shuffle_holds_by_chi_square(field: str) -> None:
    weights = {"a": 1, "b": 2, "c": 3, "d": 6}
    group = tuple(deployment(name, **{field: weight}) for name, weight in weights.items())
    seen = first_of(lambda seed: shuffled(group, seed), 12_000)
    assert chi_square(seen, {name: 1000.0 * weight for name, weight in weights.items()}) < CRITICAL[3]


def test_every_order_of_an_even_shuffle_is_as_likely_by_chi_square() -> None:
    random = Random(7)
    seen = Counter(
        "".join(each.id for each in shuffled(several("abcd"), random.getrandbits(64))) for _ in range(12_000)
    )
    assert chi_square(seen, {"".join(order): 500.0 for order in permutations("abcd")}) < CRITICAL[23]


@pytest.mark.parametrize("count", [4, 6])
def test_equals_are_chosen_evenly_by_chi_square(count: int) -> None:
    group = several("abcdef"[:count])
    seen = first_of(lambda seed: lowest(group, busyness(group, {}), seed), 6000)
    assert chi_square(seen, {each.id: 6000 / count for each in group}) < CRITICAL[count - 1]


def test_what_is_within_the_buffer_is_chosen_evenly_by_chi_square_and_nothing_else() -> None:
    group = several("abcd")
    scores = latencies(group, {"a": (1.0, 9.0), "b": (1.05, 9.0), "c": (1.1, 9.0), "d": (1.2, 9.0)}, 10.0, 60.0)
    seen = first_of(lambda seed: lowest(group, scores, seed, 0.1), 6000)
    assert chi_square(seen, dict.fromkeys("abc", 2000.0)) < CRITICAL[2]
    assert "d" not in seen


def test_two_choices_favour_the_faster_as_often_as_it_is_drawn_by_chi_square() -> None:
    group, seen = several("abcd"), {name: (float(place + 1), 10.0) for place, name in enumerate("abcd")}
    picked = first_of(lambda seed: better_of_two(group, seen, {}, 10.0, ARGS, seed)[0], 6000)
    assert chi_square(picked, {"a": 3000.0, "b": 2000.0, "c": 1000.0}) < CRITICAL[2]
    assert "d" not in picked


def test_the_least_busy_goes_first() -> None:
    group = several("abc")
    assert [each.id for each in lowest(group, busyness(group, {"a": 3, "b": 1, "c": 2}), 5)] == ["b", "c", "a"]


def test_usage_compares_shares_of_limits_and_who_is_full_comes_last() -> None:
    group = (deployment("a", rpm=10), deployment("b", tpm=1000), deployment("c", rpm=5))
    scores = usage(group, {"a": (5, 0), "b": (1, 300), "c": (5, 10)})
    assert scores == [0.6, 0.3, inf]


def test_the_last_request_that_a_limit_allows_is_still_room() -> None:
    assert usage((deployment("a", rpm=5), deployment("b", rpm=5)), {"a": (4, 0), "b": (5, 0)}) == [1.0, inf]


def test_usage_without_limits_compares_tokens() -> None:
    assert usage((deployment("a"), deployment("b", rpm=100)), {"a": (1, 70), "b": (2, 40)}) == [71, 42]


def test_an_old_latency_loses_weight_and_is_forgotten_at_last() -> None:
    (each,) = several("a")
    fresh, later = (speed(each, {"a": (2.0, 100.0)}, {}, now, ARGS) for now in (100.0, 110.0))
    assert fresh == 2.0
    assert later == pytest.approx(2.0 / 2.71828, rel=1e-4)
    assert speed(each, {"a": (2.0, 100.0)}, {"a": 2}, 100.0, ARGS) == 6.0
    assert speed(each, {"a": (2.0, 100.0)}, {}, 100.0 + ARGS.ttl + 1, ARGS) == 0.0


def test_who_was_never_heard_of_is_tried_but_hardly_by_several_calls_at_a_time() -> None:
    (each,) = several("a")
    assert speed(each, {}, {}, 5.0, ARGS) == 0.0
    assert speed(each, {}, {"a": 1}, 5.0, ARGS) == 1.0


def test_prices_that_are_not_known_come_last_and_embeddings_have_no_completion() -> None:
    cheap = deployment("cheap", facts=ModelFacts(prices=Prices(input=Decimal("1e-6"), output=Decimal("2e-6"))))
    unknown, half = deployment("unknown"), deployment("half", facts=ModelFacts(prices=Prices(input=Decimal("1e-7"))))
    prices = PriceList()
    assert [prices.of(each, "chat") for each in (cheap, unknown, half)] == [pytest.approx(0.003), inf, inf]
    assert prices.of(half, "embedding") == pytest.approx(1e-4)
    dearer = replace(cheap, facts=ModelFacts(prices=Prices(input=Decimal("1e-5"), output=Decimal("2e-6"))))
    assert prices.of(dearer, "chat") == pytest.approx(0.012)


def test_a_percentile_is_taken_of_the_latest_answers() -> None:
    meter = Latencies(LatencyArgs(samples=4), 50.0)
    for place, latency in enumerate((9.0, 9.0, 1.0, 2.0, 3.0, 4.0)):
        meter.add("a", latency, float(place))
    assert meter.seen["a"] == (3.0, 5.0)


def test_the_moving_average_follows_peaks_at_once_and_falls_slowly() -> None:
    meter = Latencies(ARGS)
    for latency, at in ((1.0, 0.0), (5.0, 1.0), (1.0, 11.0)):
        meter.add("a", latency, at)
    value, at = meter.seen["a"]
    assert at == 11.0
    assert value == pytest.approx(5 / 2.71828 + 1 - 1 / 2.71828, rel=1e-4)
