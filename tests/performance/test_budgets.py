"""The hot path does not grow by accident: work of the interpreter per call, counted, not timed."""

from __future__ import annotations

import asyncio
import sys

import pytest

from benchmarks.counting import Count
from nova_core.cli.profiling.scene import Load
from nova_core.server.running import loop_factory
from tests.performance.budgets import CASES, PYTHON, measured, recorded
from tests.performance.counting import blocks_left

SLACK = 1.06
CALLS = 1_500
"""More than the gateway keeps decisions of."""
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="counted on the event loop of Unix systems")


def over(case: str, found: Count, budget: Count) -> list[str]:
    """What is over its budget, in words that say what to do about it."""
    kinds = {
        "Python functions": (found.python, budget.python),
        "functions in C": (found.native, budget.native),
        "bytecodes": (found.bytecodes, budget.bytecodes),
    }
    if sys.version_info[:2] != PYTHON:
        del kinds["bytecodes"]
    return [
        f"{case} takes {count:,} {kind} where {allowed:,} are budgeted: `nova bench profile --functions 40` shows "
        "where; if the work is worth it, record the new number with `python -m tests.performance.budgets`"
        for kind, (count, allowed) in kinds.items()
        if count > allowed * SLACK + 1
    ]


@pytest.mark.parametrize("case", CASES)
def test_a_call_stays_within_its_budget_of_functions_and_bytecodes(case: str):
    assert over(case, measured(case), recorded()[case]) == []


def test_the_guard_sees_one_function_in_ten_more():
    budget = recorded()["a small chat call"]
    grown = Count(budget.python * 11 // 10, budget.native, budget.bytecodes)
    assert over("a call", budget, budget) == []
    assert [said.split(" where ")[0] for said in over("a call", grown, budget)] == [
        f"a call takes {grown.python} Python functions"
    ]


def test_calls_leave_no_memory_behind():
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        assert runner.run(blocks_left(Load(1, 1), CALLS)) < 0.5
