"""Calls for synchronous commands: runs a target on a loop of its own, and cleans up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Any, Generic, TypeVar

from nova_core.cli.failures import UsageError
from nova_core.cli.listing import ModelRow
from nova_core.cli.target import Body, Target
from nova_core.gateway.library import LoopThread
from nova_core.gateway.objects import Answer

T = TypeVar("T")
BEGIN_SECONDS = 0.2
CANCEL_SECONDS = 2.0


class Session:
    """A target on a loop thread. Use as a context manager; an interrupt cancels the call that is waited for."""

    def __init__(self, target: Target, thread: LoopThread) -> None:
        self.label = target.label
        self._target = target
        self._thread = thread

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait(self._target.aclose())
        self._thread.stop()

    def models(self) -> Sequence[ModelRow]:
        """What can be called. Raises NovaError."""
        return self._wait(self._target.models())

    def chat(self, body: Body) -> Answer:
        """A whole chat completion. Raises NovaError."""
        return self._wait(self._target.chat(body))

    def stream(self, body: Body) -> Iterator[Answer]:
        """The chunks of a chat completion; closing the iterator cancels the call. Raises NovaError."""
        chunks = self._target.stream(body)
        try:
            while (chunk := self._wait(_next(chunks))) is not None:
                yield chunk
        finally:
            self._wait(_closed(chunks))

    def embed(self, body: Body) -> Answer:
        """Embeddings. Raises NovaError."""
        return self._wait(self._target.embed(body))

    def chat_model(self) -> str:
        """The first model that chats. Raises UsageError when there is none."""
        name = next((row.name for row in self.models() if row.can_chat), None)
        if name is None:
            raise UsageError(f"{self.label} has no chat model", hint="name a model: nova chat MODEL")
        return name

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        followed = Followed(work)
        try:
            return self._thread.run(followed.run())
        except KeyboardInterrupt:
            followed.cancel()
            raise


class Followed(Generic[T]):
    """Work on another thread's loop that can be cancelled from here, wherever the interrupt found us.

    A stream can only be closed once the call that was reading it has let go; `cancel` waits for that.
    """

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self._task: asyncio.Task[Any] | None = None
        self._begun = threading.Event()
        self._ended = threading.Event()

    async def run(self) -> T:
        """Do the work."""
        self._task = asyncio.current_task()
        self._begun.set()
        try:
            return await self._work
        finally:
            self._ended.set()

    def cancel(self) -> None:
        """Cancel the work once, and wait until it has ended; work that was never begun is left."""
        if not self._begun.wait(BEGIN_SECONDS):
            self._work.close()
        elif self._task is not None:
            self._task.get_loop().call_soon_threadsafe(_cancel_once, self._task)
            self._ended.wait(CANCEL_SECONDS)


def _cancel_once(task: asyncio.Task[Any]) -> None:
    """A second cancellation would interrupt the cleaning up that the first one began."""
    if not task.cancelling():
        task.cancel()


async def _next(chunks: AsyncGenerator[Answer, None]) -> Answer | None:
    return await anext(chunks, None)


async def _closed(chunks: AsyncGenerator[Answer, None]) -> None:
    await chunks.aclose()
