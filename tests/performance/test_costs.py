"""What the benchmarks say of a feature's cost: drift cancels out, intervals are honest, the table shows both."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from benchmarks import counting
from benchmarks.costs import Cost, Costs, Estimate, Slices, counted, estimated
from benchmarks.counting import Count, FailedCallsError, counted_call
from benchmarks.features import FEATURES, PLAINEST
from benchmarks.report import costs_table, page
from benchmarks.servers.nova import written
from benchmarks.standings import Standings
from nova_core.server.startup import ServeOptions, load_config, runtime_of

TRIALS = 400


@pytest.fixture
def few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"CALLS": 32, "WARM_UP": 64, "LATER_SECONDS": 0.05}.items():
        monkeypatch.setattr(counting, name, value)


@pytest.mark.parametrize("name", FEATURES)
def test_each_configuration_can_be_served_and_has_no_key_without_effect(name: str, tmp_path: Path) -> None:
    options = ServeOptions(config=written(tmp_path, FEATURES[name].text(9)))
    settings = runtime_of(load_config(options), options).settings
    assert (settings.unknown, settings.unsupported) == ((), ())


def test_a_machine_that_slows_down_makes_no_feature_dear() -> None:
    slices = Slices()
    for turn in range(6):
        plain = [100.0 * (1 + turn) + 10 * at for at in range(3)]
        between = [(before + after) / 2 for before, after in itertools.pairwise(plain)]
        slices.add(plain, {"free": between[0], "dear": between[1] * 1.25})
    found = slices.estimates()
    assert found["free"] == Estimate(0, 0, 0)
    assert found["dear"].low == found["dear"].high > 0


def test_the_interval_leaves_out_the_true_median_once_in_twenty_times_at_most() -> None:
    drawn = random.Random(7)
    found = [estimated([drawn.expovariate(1) ** 3 for _ in range(20)]) for _ in range(TRIALS)]
    true = 0.6931471805599453**3
    missed = sum(not each.low <= true <= each.high for each in found)
    assert 0 < missed < TRIALS * 0.06
    assert all(each.low <= each.middle <= each.high for each in found)


def test_a_few_slices_say_no_more_than_all_of_them() -> None:
    assert estimated([3, 1, 2]) == Estimate(2, 1, 3)
    assert estimated([*range(1, 7)]) == Estimate(3.5, 1, 6)
    assert estimated([*range(1, 16)]) == Estimate(8, 4, 12)


def test_the_table_shows_each_interval_and_marks_one_that_may_be_nothing() -> None:
    features = [
        Cost("a key", Estimate(0.44, -1, 2), Count(170, 9, 4_800)),
        Cost("the cache", Estimate(75.3, 71.06, 82.5), Count(375, 9, 9_200)),
    ]
    costs = Costs(72.9, Count(165, 9, 4_750), features)
    assert costs_table(costs)[2:] == [
        f"| {PLAINEST} | 72.9 | 165 | 4,750 |",
        "| a key | +0.4 (-1.0 … +2.0) ? | +5 | +50 |",
        "| the cache | +75.3 (+71.1 … +82.5) | +210 | +4,450 |",
    ]
    assert "\n".join(costs_table(costs)) in page(Standings(), {}, costs, ["a fact"])
    assert "Not measured in this run." in page(Standings(), {}, None, ["a fact"])


@pytest.mark.usefixtures("few_calls")
def test_what_a_feature_makes_the_interpreter_do_is_counted() -> None:
    plainest, logged = counted(FEATURES[PLAINEST]), counted(FEATURES["the cache, always missed"])
    assert logged.python > plainest.python + 50
    assert logged.bytecodes > plainest.bytecodes + 1_000


@pytest.mark.usefixtures("few_calls")
async def test_calls_that_fail_are_not_counted(tmp_path: Path) -> None:
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-length: 2\r\n\r\n{}"
    with pytest.raises(FailedCallsError, match="calls failed"):
        await counted_call(lambda port: written(tmp_path, FEATURES[PLAINEST].text(port)), request)
