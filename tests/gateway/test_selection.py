"""The core's own routing step: order levels, weights, resting deployments."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import NoDeploymentError
from nova_core.gateway.selection import healthy, order, shuffled
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.routing import Catalog, Snapshot
from nova_core.wire.openai_chat import OPENAI_CHAT


def deployment(name: str, **fields: object) -> Deployment:
    return Deployment(id=name, group="gpt", provider="echo", model=name, **fields)  # type: ignore[arg-type]


def snapshot(seed: int = 1, **fields: object) -> Snapshot:
    return Snapshot(group="gpt", now=100.0, catalog=Catalog(), seed=seed, **fields)  # type: ignore[arg-type]


def call() -> Call:
    return Call(Request("chat", OPENAI_CHAT, {"model": "gpt", "messages": []}))


def test_weights_hold_statistically() -> None:
    candidates = [deployment("a", weight=7.0), deployment("b", weight=2.0), deployment("c", weight=1.0)]
    random = Random(42)
    rounds = 20_000
    firsts = Counter(shuffled(candidates, random.getrandbits(64))[0].id for _ in range(rounds))
    chi_square = sum(
        (firsts[name] - rounds * share) ** 2 / (rounds * share) for name, share in (("a", 0.7), ("b", 0.2), ("c", 0.1))
    )
    assert chi_square < 13.8  # p = 0.001 at two degrees of freedom


def test_a_deployment_without_weight_is_only_tried_after_those_with_one() -> None:
    candidates = [deployment("none"), deployment("some", weight=1.0)]
    assert {shuffled(candidates, seed)[0].id for seed in range(50)} == {"some"}


def test_rpm_serves_as_weight_when_no_weight_is_given() -> None:
    candidates = [deployment("slow", rpm=1), deployment("fast", rpm=99)]
    firsts = Counter(shuffled(candidates, seed)[0].id for seed in range(300))
    assert firsts["fast"] > 270


def test_without_weights_everyone_gets_a_share() -> None:
    candidates = [deployment(name) for name in "abc"]
    assert {shuffled(candidates, seed)[0].id for seed in range(60)} == {"a", "b", "c"}


def test_levels_come_in_order_and_unordered_deployments_last() -> None:
    candidates = [deployment("z"), deployment("two", order=2), deployment("one", order=1), deployment("also", order=1)]
    levels = order(call(), candidates, snapshot())
    assert [{d.id for d in level} for level in levels] == [{"one", "also"}, {"two"}, {"z"}]


def test_the_same_snapshot_gives_the_same_order() -> None:
    candidates = [deployment(name) for name in "abcdef"]
    assert order(call(), candidates, snapshot(7)) == order(call(), candidates, snapshot(7))


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=8), st.integers())
def test_a_shuffle_loses_and_invents_nothing(weights: list[float], seed: int) -> None:
    candidates = [deployment(str(index), weight=weight) for index, weight in enumerate(weights)]
    assert sorted(d.id for d in shuffled(candidates, seed)) == sorted(d.id for d in candidates)


def test_resting_deployments_are_left_out_and_the_error_says_when_one_returns() -> None:
    candidates = (deployment("a"), deployment("b"))
    assert [d.id for d in healthy(candidates, snapshot(cooling={"a": 110.0}))] == ["b"]
    with pytest.raises(NoDeploymentError, match="Try again in 4 seconds") as caught:
        healthy(candidates, snapshot(cooling={"a": 110.0, "b": 104.0}))
    assert caught.value.retry_after == 4.0
