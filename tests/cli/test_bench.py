"""`nova bench profile` shares a call's CPU time out among its stages."""

from __future__ import annotations

import importlib
import json
import signal
import sys
import time

import pytest

from nova_core.cli.profiling.report import profile_of
from nova_core.cli.profiling.sampler import Sampler
from nova_core.cli.profiling.scene import Load, Spent
from nova_core.cli.profiling.stages import CALLER, OTHER, OUTSIDE, STAGES, StageTable

unix = pytest.mark.skipif(sys.platform == "win32", reason="the profile needs the signals of a Unix system")


@unix
def test_every_stage_of_a_call_is_seen_and_they_add_up(nova):
    ran = nova("bench", "profile", "--calls", "1500", "--connections", "8", "--functions", "5", "--json")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert set(said["stages"]) == {*STAGES, OTHER} - {OUTSIDE, CALLER}
    assert all(said["stages"][stage] > 0 for stage in ("http", "parse", "route", "transport", "render", "accounting"))
    assert said["microseconds"] == pytest.approx(sum(said["stages"].values()))
    assert len(said["functions"]) == 5
    # What belongs to no stage would make the table useless.
    assert said["stages"][OTHER] < said["microseconds"] / 3


@unix
def test_a_stream_is_shared_out_by_its_chunks(nova):
    ran = nova("bench", "profile", "--calls", "100", "--chunks", "10", "--connections", "8")
    assert ran.code == 0, ran.err
    assert "µs a chunk".upper() in ran.out
    assert [line.split()[0] for line in ran.out.splitlines()][-1] == "all"


@pytest.mark.parametrize("name", [name for names in STAGES.values() for name in names])
def test_what_the_table_names_exists(name: str):
    module, _, attributes = name.partition(":")
    found = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    assert found is not None


def test_the_longest_name_decides_and_a_module_stands_for_all_in_it():
    stage_of = StageTable({"one": ("a.b",), "two": ("a.b:C.f", "a.b.c"), CALLER: ("a.b.d",)})
    assert stage_of("a.b", "C.g") == "one"
    assert stage_of("a.b", "C.f") == "two"
    assert stage_of("a.b", "C.f.<locals>.<lambda>") == "two"
    assert stage_of("a.b.c.d", "x") == "two"
    assert stage_of("a", "x") is None
    assert stage_of("a.b.d", "x") is None


@unix
def test_samples_count_for_the_innermost_function_with_a_stage_and_the_signal_is_given_back():
    def busy():
        end = time.process_time() + 0.05
        while time.process_time() < end:
            sum(range(100))

    before = signal.getsignal(signal.SIGALRM)
    timer = signal.getitimer(signal.ITIMER_REAL)
    here = f"{test_samples_count_for_the_innermost_function_with_a_stage_and_the_signal_is_given_back.__name__}"
    with Sampler(StageTable({"inner": (f"{__name__}:{here}.<locals>.busy",)})) as sampler:
        busy()
    signal.setitimer(signal.ITIMER_REAL, *timer)
    assert signal.getsignal(signal.SIGALRM) is before
    assert sampler.stages["inner"] > 10
    assert sampler.stages["inner"] >= sampler.stages.total() * 0.8


def test_time_is_shared_out_as_the_samples_fell():
    sampler = Sampler(StageTable(STAGES))
    sampler.stages.update({"parse": 30, "route": 10, OUTSIDE: 60})
    sampler.functions[("parse", "m", "f")] = 30
    found = profile_of(sampler, Spent(seconds=1.0, calls=10_000, failures=0), 1)
    assert (found.stages["parse"], found.stages["route"]) == (pytest.approx(30), pytest.approx(10))
    assert found.call == pytest.approx(40)
    assert [(each.name, each.microseconds) for each in found.functions] == [("m:f", pytest.approx(30))]


def test_a_prompt_is_as_long_as_it_was_asked_for():
    short, long = Load(prompt_bytes=100).request(), Load(prompt_bytes=10_000).request()
    assert 9_800 < len(long) - len(short) < 10_000
