"""Chunks of one generation, carried from the model's thread to the event loop that asked for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self

from nova_plugin_local.errors import (
    EngineClosedError,
    EngineFailedError,
    InvalidInputError,
    LocalModelError,
    PromptTooLongError,
)
from nova_plugin_local.worker import Worker

JsonObject = dict[str, Any]
Generate = Callable[[Callable[[JsonObject], bool]], None]


class ChatStream(AsyncIterator[JsonObject]):
    """`chat.completion.chunk` objects as the model writes them; close it on every exit.

    The buffer never blocks the model's thread, so a slow reader does not hold up other calls. It is bounded by
    the context window all the same, as each chunk stands for at least one token.
    """

    def __init__(self, generate: Generate, *, on_close: Callable[[ChatStream], None]) -> None:
        self._generate = generate
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[JsonObject | None] = asyncio.Queue()
        self._first: JsonObject | None = None
        self._future: asyncio.Future[None] | None = None
        self._stopped = threading.Event()

    async def start(self, worker: Worker) -> None:
        """Queues the generation and waits for its first chunk. Raises what `ChatEngine.open_stream` names."""
        self._future = worker.submit(self._run)
        self._future.add_done_callback(self._ended)
        self._first = await self._next()

    async def __anext__(self) -> JsonObject:
        chunk, self._first = self._first, None
        chunk = chunk or await self._next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Ends the generation at its next token, or takes it out of the queue. May be called twice."""
        self._stopped.set()
        self._first = None
        if self._future is not None:
            self._future.cancel()
        self._events.put_nowait(None)
        self._on_close(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _run(self) -> None:
        if not self._stopped.is_set():
            self._generate(self._on_event)

    def _on_event(self, event: JsonObject) -> bool:
        """Runs in the model's thread; True tells it to stop."""
        if not self._stopped.is_set() and "prompt_progress" not in event:
            event.pop("timings", None)
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
        return self._stopped.is_set()

    def _ended(self, future: asyncio.Future[None]) -> None:
        if not future.cancelled():
            future.exception()  # marks it as seen; `_next` raises it to whoever waits for a chunk
        self._events.put_nowait(None)

    async def _next(self) -> JsonObject | None:
        """The next chunk, or None at the end of a generation that ended by itself."""
        event = None if self._stopped.is_set() else await self._events.get()
        if event is None:
            self._events.put_nowait(None)  # the end stays the end, however often it is asked for
            if self._stopped.is_set() or self._future is None or self._future.cancelled():
                raise EngineClosedError("the answer was cut off: the stream or its model was closed")
            self._future.result()
            return None
        error = event.get("error") or (event if "choices" not in event else None)
        if error is not None:
            raise _typed_error(error)
        return event


def _typed_error(error: Mapping[str, Any]) -> LocalModelError:
    """From `{"code", "message", "type"}` of llama.cpp's server, with `n_prompt_tokens` and `n_ctx` on overflow."""
    message = str(error.get("message", "no reason given"))
    if error.get("type") == "exceed_context_size_error":
        return PromptTooLongError(int(error.get("n_prompt_tokens", 0)), int(error.get("n_ctx", 0)))
    if int(error.get("code", 500)) < 500:
        return InvalidInputError(f"the model cannot read this request: {message}")
    return EngineFailedError(f"the local model broke off: {message}")
