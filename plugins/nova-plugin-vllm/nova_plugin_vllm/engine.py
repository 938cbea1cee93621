"""An engine of vLLM on a thread and event loop of its own, started at its first call."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TypeAlias

from nova_core.errors import APIConnectionError, NovaError
from nova_plugin_vllm.conversation import Conversation
from nova_plugin_vllm.plan import Plan
from nova_plugin_vllm.runtime import Served, launch

logger = logging.getLogger("nova.vllm")

Launch: TypeAlias = Callable[[Plan], Awaitable[Served]]

FAREWELL_SECONDS = 2.0
"""How long calls that still run at the end may take to notice."""


class Engine:
    """One model. Loading it, and vLLM's own work (templates, tokenizers, parsers), happen off the gateway's loop.

    Calls may come from any number of event loops. An engine that could not start, or broke down, starts anew at the
    next call.
    """

    def __init__(self, plan: Plan, start: Launch = launch) -> None:
        self.plan = plan
        self._start = start
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting: Future[Served] | None = None
        self._closed = False
        self._conversations: dict[asyncio.Task[None], Conversation] = {}

    async def ready(self) -> Served:
        """The running engine; the first to ask starts it. Who gives up waiting does not stop the start.

        Raises ConfigurationError for arguments that vLLM does not have, APIConnectionError when it cannot start.
        """
        starting = asyncio.wrap_future(self._launched())
        starting.add_done_callback(_seen)
        try:
            return await asyncio.shield(starting)
        except NovaError:
            raise
        except Exception as error:
            logger.error("vLLM could not start %s", self.plan.model, exc_info=error)
            raise APIConnectionError(f"vLLM could not start {self.plan.model}: {error}") from error

    async def ask(self, path: str, body: bytes) -> Conversation:
        """Send a request; the answer's status is there, its body comes. Close the conversation on every exit.

        Raises what `ready` raises, and APIConnectionError if there is no answer.
        """
        served = await self.ready()
        inside = self._inside()
        conversation = Conversation(path, body, served.key, inside)
        inside.call_soon_threadsafe(self._begin, conversation, served)
        try:
            await conversation.start()
        except BaseException:
            await conversation.aclose()
            raise
        return conversation

    async def aclose(self) -> None:
        """End what runs, and the engine with its processes. It cannot be used again."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
            return
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._end(), loop))
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)

    async def retire(self) -> None:
        """Close once the calls that run are answered."""
        with self._lock:
            loop = self._loop
        if loop is not None and loop.is_running():
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._quiet(), loop))
        await self.aclose()

    def _launched(self) -> Future[Served]:
        with self._lock:
            if self._closed:
                raise APIConnectionError(f"the engine of {self.plan.model} was closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_turn, args=(self._loop,), name="nova-vllm", daemon=True)
                self._thread.start()
            last = self._starting
            if last is None or (last.done() and _is_lost(last)):
                self._starting = asyncio.run_coroutine_threadsafe(self._launch(last), self._loop)
            assert self._starting is not None
            return self._starting

    async def _launch(self, last: Future[Served] | None) -> Served:
        if last is not None and not last.cancelled() and last.exception() is None:
            logger.error("the engine of %s broke down, and is started anew", self.plan.model)
            last.result().close()
        return await self._start(self.plan)

    def _inside(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    def _begin(self, conversation: Conversation, served: Served) -> None:
        task = self._inside().create_task(conversation.run(served.application))
        self._conversations[task] = conversation
        task.add_done_callback(self._conversations.pop)

    async def _quiet(self) -> None:
        while self._conversations:
            await asyncio.wait(dict(self._conversations))

    async def _end(self) -> None:
        running = dict(self._conversations)
        for conversation in running.values():
            await conversation.aclose()
        if running:
            _, late = await asyncio.wait(running, timeout=FAREWELL_SECONDS)
            for task in late:
                task.cancel()
        assert self._starting is not None  # with the loop
        starting = asyncio.wrap_future(self._starting)
        await asyncio.wait([starting])
        if not starting.cancelled() and starting.exception() is None:
            starting.result().close()


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped, and end what is left on it."""
    try:
        loop.run_forever()
        loop.run_until_complete(_tidied())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _tidied() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _is_lost(started: Future[Served]) -> bool:
    return started.cancelled() or started.exception() is not None or started.result().failed


def _seen(started: asyncio.Future[Served]) -> None:
    """Whoever still waits is told; asyncio need not say that nobody was."""
    if not started.cancelled():
        started.exception()
