"""Counts what a call makes the interpreter do: the same numbers on a fast machine, a slow one and a busy one."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from nova_core.cli.profiling.loopback import LoopbackUpstream
from nova_core.cli.profiling.scene import Asker, Round, ask_all, served
from nova_core.server.startup import ServeOptions, load_config, runtime_of

NOT_OURS = ("nova_core.cli.profiling", "tests.", "benchmarks.")
CALLS = 256
CONNECTIONS = 32
WARM_UP = 300
LATER_SECONDS = 0.3
"""How long after the last call what is put off has been done: log lines, accounting."""


@dataclass(frozen=True, slots=True)
class Count:
    """Functions of Python entered (coroutines when they go on, too), functions in C called, bytecodes run."""

    python: int
    native: int
    bytecodes: int

    @property
    def numbers(self) -> tuple[int, int, int]:
        """All three."""
        return self.python, self.native, self.bytecodes


class FailedCallsError(Exception):
    """Counts of calls that fail say nothing."""


class Counter:
    """Counts while it is on; callers and upstream of the scene are left out."""

    def __init__(self) -> None:
        self.python = self.native = self.bytecodes = 0

    def profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if is_ours(frame):
            self.python += event == "call"
            self.native += event == "c_call"

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not is_ours(frame):
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        self.bytecodes += event == "opcode"
        return self.trace


def is_ours(frame: FrameType) -> bool:
    """Whether it is the gateway's, or of a library that it calls."""
    return not frame.f_globals.get("__name__", "").startswith(NOT_OURS)


async def observed(work: Callable[[], Awaitable[None]]) -> Count:
    """The same work under the profiling hook, and under the tracing hook: they count different things."""
    counter = Counter()
    sys.setprofile(counter.profile)
    try:
        await work()
    finally:
        sys.setprofile(None)
    before = sys.gettrace()
    sys.settrace(counter.trace)
    try:
        await work()
    finally:
        sys.settrace(before)
    return Count(counter.python, counter.native, counter.bytecodes)


async def counted_call(config: Callable[[int], Path], request: bytes) -> Count:
    """What such a request takes of a gateway that serves the file which is written for an upstream's port.

    A mean over calls on 32 connections, with all that is put off until some of them can be served together. Raises
    ConfigurationError, and FailedCallsError when a call is not answered with 200.
    """
    loop, round_ = asyncio.get_running_loop(), Round(request)
    upstream = await loop.create_server(LoopbackUpstream, "127.0.0.1", 0)
    options = ServeOptions(config=config(upstream.sockets[0].getsockname()[1]))
    async with served(runtime_of(load_config(options), options), io.StringIO()) as port:
        made = [await loop.create_connection(lambda: Asker(round_), "127.0.0.1", port) for _ in range(CONNECTIONS)]
        askers = [asker for _, asker in made]

        async def calls() -> None:
            await ask_all(round_, askers, CALLS)
            await asyncio.sleep(LATER_SECONDS)

        await ask_all(round_, askers, WARM_UP)
        await asyncio.sleep(LATER_SECONDS)
        total = await observed(calls)
        for transport, _ in made:
            transport.close()
    upstream.close()
    if round_.failures:
        raise FailedCallsError(f"{round_.failures} of {CALLS} calls failed")
    return Count(*(round(number / CALLS) for number in total.numbers))
