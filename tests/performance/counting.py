"""Counts what one call over one connection makes the interpreter do, and what it leaves in memory."""

from __future__ import annotations

import asyncio
import gc
import io
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from benchmarks.counting import Count, observed
from nova_core.cli.profiling.loopback import LoopbackUpstream
from nova_core.cli.profiling.scene import Asker, Load, Round, gateway_port

WARM_UP = 15
COUNTED = 7
LOG_SECONDS = 0.4


class InStep:
    """Chunks are sent one by one, the next when the last one has arrived: none are put together on a busy machine."""

    def __init__(self) -> None:
        self.next: list[Callable[[], None]] = []

    def go_on(self) -> None:
        while self.next:
            asyncio.get_running_loop().call_soon(self.next.pop())


class SteppedUpstream(LoopbackUpstream):
    def __init__(self, chunks: int, step: InStep) -> None:
        super().__init__(chunks)
        self._step = step

    def pause(self, left: int) -> None:
        self._step.next.append(partial(self.send_chunk, left))


class SteppingAsker(Asker):
    def __init__(self, round_: Round, step: InStep) -> None:
        super().__init__(round_)
        self._step = step

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._step.go_on()


@asynccontextmanager
async def connected(load: Load) -> AsyncIterator[tuple[Round, Asker]]:
    """One connection to a gateway of this process."""
    round_, step = Round(load.request()), InStep()
    loop = asyncio.get_running_loop()
    async with gateway_port(io.StringIO(), lambda: SteppedUpstream(load.chunks, step)) as port:
        transport, asker = await loop.create_connection(lambda: SteppingAsker(round_, step), "127.0.0.1", port)
        yield round_, asker
        transport.close()
    assert round_.failures == 0


async def counted(load: Load) -> Count:
    """What one warmed-up call takes, one after the other on one connection; the least of some, as timers add to it."""
    async with connected(load) as (round_, asker):
        for _ in range(WARM_UP):
            await one(round_, asker)
        found = [await observed(partial(one, round_, asker)) for _ in range(COUNTED)]
    return Count(
        min(each.python for each in found),
        min(each.native for each in found),
        min(each.bytecodes for each in found),
    )


async def one(round_: Round, asker: Asker) -> None:
    done = round_.start(1)
    asker.ask()
    await done


async def blocks_after(calls: int, round_: Round, asker: Asker) -> int:
    """Blocks in use after some calls, when the log is written and garbage collected."""
    for _ in range(calls):
        await one(round_, asker)
    await asyncio.sleep(LOG_SECONDS)
    gc.collect()
    return sys.getallocatedblocks()


async def blocks_left(load: Load, calls: int) -> float:
    """Blocks of memory that each call leaves behind, over so many calls, once warm."""
    async with connected(load) as (round_, asker):
        before = await blocks_after(calls, round_, asker)
        left = await blocks_after(calls, round_, asker) - before
    return left / calls
