"""Batches what is said to whoever holds the truth; knows when it is out of reach, and keeps trying."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nova_core.stores.claims import Lease, Taken
from nova_core.stores.link import Link, LinkLostError, abandon, finished, within
from nova_core.stores.operations import Answer, Operation, Pin, Settle, Take, refund

logger = logging.getLogger("nova.stores")

OPEN_SECONDS = 2.0
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
PATIENCE_SECONDS = 1.0
STEADY_SECONDS = 10.0
MOST_IN_BATCH = 128
MOST_WAITING = 10_000
STALE_SECONDS = 5.0
PROBE = Pin("", "", 1.0)
"""Something to read and to write: who can only be read from does not hold the truth."""


@dataclass(slots=True)
class _Said:
    """An operation on its way, since this second of the loop's clock; `answer` is None for what is only told."""

    operation: Operation
    since: float
    answer: asyncio.Future[Answer | LinkLostError] | None = None

    @property
    def is_answered(self) -> bool:
        """Also when the asker left."""
        return self.answer is not None and self.answer.done()

    def give_up(self, error: LinkLostError) -> None:
        """Answer that there will be no answer, if there is none yet."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(error)


class Conversation:
    """Owns a link. What is said within one turn of the event loop goes out as one batch, one batch at a time.

    An exchange may take half of `budget` seconds, so that what is asked during one and sent with the next is
    answered within the budget. When it is late, everybody who asked is told so, and so is at once who asks next,
    until its answer comes. One that fails, or is late by `PATIENCE_SECONDS`, loses the link. It is then tried again,
    less and less often, until an exchange is answered in time. What was told (not asked) meanwhile is kept for a few
    seconds. `opened` is called whenever the link is there again.
    """

    def __init__(self, link: Link, *, budget: float, opened: Callable[[], None]) -> None:
        self._link = link
        self._budget = budget
        self._opened = opened
        self._waiting: deque[_Said] = deque()
        self._asked: deque[_Said] = deque()
        self._sent: list[_Said] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._tried = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None
        self._closed = False
        self._lost = False
        self.is_up = False

    async def start(self) -> None:
        """Returns when the link is there, or known not to be for now."""
        self._begin()
        await self._tried.wait()

    async def aclose(self) -> None:
        """Say what waits to be said, within the budget, and let go."""
        self._closed = True
        if self._owner is None:
            return
        if self.is_up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._budget):
                    await self._idle.wait()
        self.is_up = False
        self._owner.cancel()
        await asyncio.wait((self._owner,))
        self._tried.set()
        self._give_up(LinkLostError("closed"))
        await self._link.close()

    async def ask(self, operation: Operation) -> Answer | LinkLostError:
        """The answer, or why there is none, within the budget."""
        self._begin()
        if not self._tried.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._budget / 2):
                    await self._tried.wait()
        if not self.is_up:
            return LinkLostError("out of reach")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer | LinkLostError] = loop.create_future()
        self._asked.append(said := _Said(operation, loop.time(), answer))
        self._say(said)
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled():
                self._give_back(answer.result())
            raise

    def tell(self, operation: Operation) -> None:
        """Say it, after all that was said before; nobody waits for it."""
        self._begin()
        if not self._closed:
            self._say(_Said(operation, asyncio.get_running_loop().time()))

    def _begin(self) -> None:
        if self._owner is None and not self._closed:
            self._owner = asyncio.get_running_loop().create_task(self._run(), name=f"shared state: {self._link.name}")

    def _say(self, said: _Said) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft().give_up(LinkLostError("too much to say"))
        self._waiting.append(said)
        self._wake.set()
        self._idle.clear()

    async def _run(self) -> None:
        """The owner: the only one who uses the link."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            began = loop.time()
            try:
                await within(OPEN_SECONDS, self._link.open())
                await within(self._budget / 2, self._link.exchange([PROBE]))
                while len(self._waiting) > MOST_IN_BATCH:
                    await self._say_batch()
                self._is_back()
                await self._talk()
            except LinkLostError as error:
                self._is_lost(error)
            except Exception as error:
                if not self._lost:
                    logger.exception("%s: the link failed", self._link.name)
                self._is_lost(LinkLostError(type(error).__name__))
            await self._link.close()
            pause = FIRST_PAUSE if loop.time() - began > STEADY_SECONDS else min(LONGEST_PAUSE, pause * 2)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _talk(self) -> None:
        while True:
            if not self._waiting:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            await self._say_batch()

    async def _say_batch(self) -> None:
        self._sent = self._next_batch()
        if not self._sent:
            return
        answers = await self._exchange([said.operation for said in self._sent])
        sent, self._sent = self._sent, []
        for said, answer in zip(sent, answers, strict=True):
            if said.answer is None:
                continue
            if said.answer.done():
                self._give_back(answer)
            else:
                said.answer.set_result(answer)

    async def _exchange(self, operations: list[Operation]) -> Sequence[Answer]:
        """The answers, late or not. Nobody waits for late ones."""
        exchange = asyncio.ensure_future(self._link.exchange(operations))
        try:
            if not await finished(exchange, self._budget / 2):
                was_up, self.is_up = self.is_up, False
                self._give_up(LinkLostError("late"))
                if not await finished(exchange, PATIENCE_SECONDS):
                    raise LinkLostError(f"no answer within {self._budget / 2 + PATIENCE_SECONDS:.2f} s")
                self.is_up = was_up
            return exchange.result()
        finally:
            abandon(exchange)

    def _next_batch(self) -> list[_Said]:
        now = asyncio.get_running_loop().time()
        while self._asked and (self._asked[0].is_answered or now - self._asked[0].since > self._budget / 2):
            self._asked.popleft().give_up(LinkLostError("too much to say"))
        batch: list[_Said] = []
        while self._waiting and len(batch) < MOST_IN_BATCH:
            said = self._waiting.popleft()
            if not said.is_answered and (said.answer is not None or now - said.since <= STALE_SECONDS):
                batch.append(said)
        return batch

    def _give_back(self, answer: Answer | LinkLostError) -> None:
        """The asker left: what it was given is free again."""
        if isinstance(answer, Taken):
            self.tell(refund(answer))

    def _is_back(self) -> None:
        if self._lost:
            logger.warning("%s is back: state is shared again", self._link.name)
        self._lost, self.is_up = False, True
        self._tried.set()
        self._opened()

    def _is_lost(self, error: LinkLostError) -> None:
        """Answer everybody; free what may have been taken without anybody knowing."""
        if not self._lost:
            logger.warning(
                "%s is out of reach (%s): until it is back, this process goes by what it knows", self._link.name, error
            )
        self._lost, self.is_up = True, False
        in_doubt = [said.operation for said in self._sent if isinstance(said.operation, Take)]
        self._give_up(error)
        self._sent = []
        self._tried.set()
        for take in in_doubt:
            leases = tuple(claim.key for claim in take.claims if isinstance(claim, Lease))
            if leases:
                self.tell(Settle(take.id, (), leases))

    def _give_up(self, error: LinkLostError) -> None:
        while self._asked:
            self._asked.popleft().give_up(error)
