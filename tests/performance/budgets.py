"""What a call may make the interpreter do: `python -m tests.performance.budgets` records it anew."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.counting import Count
from nova_core.cli.profiling.scene import Load
from nova_core.server.running import loop_factory
from tests.performance.counting import counted

RECORDED = Path(__file__).with_name("budgets.json")
PYTHON = (3, 11)
"""The version whose bytecodes were counted; others compile differently."""
FEW, MANY = 5, 25


async def small_chat() -> Count:
    """A whole reply to a short prompt."""
    return await counted(Load(1, 1))


async def long_prompt() -> Count:
    """A prompt of 100 KB: no work in Python may grow with it."""
    return await counted(Load(1, 1, prompt_bytes=100_000))


async def streamed_chunk() -> Count:
    """One more chunk of a stream that is passed through; the stream's own start and end are taken off."""
    few, many = await counted(Load(1, 1, chunks=FEW)), await counted(Load(1, 1, chunks=MANY))
    between = [(more - less) / (MANY - FEW) for less, more in zip(few.numbers, many.numbers, strict=True)]
    return Count(*map(round, between))


CASES: dict[str, Callable[[], Coroutine[Any, Any, Count]]] = {
    "a small chat call": small_chat,
    "a chat call with a prompt of 100 KB": long_prompt,
    "a chunk of a stream": streamed_chunk,
}


def measured(case: str) -> Count:
    """Count a case on the event loop that serves in production."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(CASES[case]())


def recorded() -> dict[str, Count]:
    """The budgets."""
    return {case: Count(**numbers) for case, numbers in json.loads(RECORDED.read_text()).items()}


if __name__ == "__main__":
    if sys.version_info[:2] != PYTHON:
        raise SystemExit(f"budgets are recorded with Python {'.'.join(map(str, PYTHON))}")
    RECORDED.write_text(json.dumps({case: asdict(measured(case)) for case in CASES}, indent=2) + "\n")
    print(RECORDED.read_text(), end="")
