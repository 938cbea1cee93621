"""`completion("provider/model", …)` without a configuration file: one gateway on one owned background loop."""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from nova_core.config.schema import ModelEntry, Settings
from nova_core.config.sections import NovaSettings
from nova_core.config.values import is_price_key
from nova_core.errors import BadRequestError, ModelNotFoundError
from nova_core.gateway.calling import (
    AnswerStream,
    answered,
    as_asked,
    chat_call,
    embedding_call,
    responses_call,
    whole,
)
from nova_core.gateway.facts import registered_facts
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.objects import Answer
from nova_core.gateway.options import OVERRIDES
from nova_core.gateway.runtime import build_runtime
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment

T = TypeVar("T")
CallOf = Callable[[Mapping[str, Any]], Call]
MOST_MODELS = 500
STOP_SECONDS = 5.0


class LoopThread:
    """An event loop in a daemon thread of its own, started on first use and stopped at exit."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nova-library", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the loop and wait for it; an interrupt while waiting cancels it.

        Raises RuntimeError on the loop's own thread (in a plugin's hook), which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("the library's own event loop cannot wait for itself: use the async functions here")
        future = None
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
            return future.result()
        except BaseException:
            if future is not None:
                future.cancel()
            raise

    async def bridge(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` from another loop; cancelling cancels it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def stop(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)


class Library:
    """Calls models by `provider/model`; the provider's plugin is loaded when its name is first used."""

    def __init__(self) -> None:
        self.thread = LoopThread()
        self._gateway: Gateway | None = None
        self._models: OrderedDict[str, ModelEntry] = OrderedDict()
        self._registered: dict[str, Mapping[str, Any]] = {}
        self._lock: asyncio.Lock | None = None

    async def completion(
        self, model: str, messages: Sequence[Mapping[str, Any]], **given: Any
    ) -> Answer | AnswerStream:
        """See `Gateway.completion`; runs on the library's loop."""
        return as_asked(await self.run(chat_call, model, {"messages": messages, **given}))

    async def responses(self, model: str, input: Any = None, **given: Any) -> Answer | AnswerStream:
        """See `Gateway.responses`; runs on the library's loop."""
        return as_asked(await self.converse(responses_call, model, {"input": input, **given}))

    async def embedding(self, model: str, input: Any, **given: Any) -> Answer:
        """See `Gateway.embedding`; runs on the library's loop."""
        return whole(await self.run(embedding_call, model, {"input": input, **given}))

    def answer(self, work: Coroutine[Any, Any, T | AnswerStream]) -> T | SyncStream:
        """What `work` on the library's loop answers, a stream as synchronous code reads it."""
        answer = self.thread.run(work)
        return SyncStream(self.thread, answer) if isinstance(answer, AnswerStream) else answer

    async def bridged(self, work: Coroutine[Any, Any, T | AnswerStream]) -> T | BridgedStream:
        """`answer` for another event loop."""
        answer = await self.thread.bridge(work)
        return BridgedStream(self.thread, answer) if isinstance(answer, AnswerStream) else answer

    async def run(self, call_of: CallOf, model: str, given: Mapping[str, Any]) -> Any:
        """A call of any operation, made of its arguments by `call_of`; runs on the library's loop."""
        gateway, call = await self._made(call_of, model, given)
        return await answered(gateway, call)

    async def converse(self, call_of: CallOf, model: str, given: Mapping[str, Any]) -> Any:
        """`run` for a call of the Responses API, which may go on from an earlier one."""
        gateway, call = await self._made(call_of, model, given)
        return await answered(gateway.conversations, call)

    async def register_model(self, models: Mapping[str, Mapping[str, Any]]) -> None:
        """See the function `register_model`; calls that run already keep what was known when they began."""
        registered_facts(models)
        async with self._locked():
            for name, values in models.items():
                self._registered[name] = {**self._registered.get(name, {}), **values}
            if self._gateway is not None:
                await self._rebuild()

    async def deployment(self, model: str) -> Deployment:
        """How `provider/model` would be called; runs on the library's loop. Raises ModelNotFoundError."""
        gateway, name, _ = await self._ready(model, {})
        return gateway.runtime.catalog.by_id[name]

    async def aclose(self) -> None:
        """Stop the gateway."""
        if self._gateway is not None:
            await self._gateway.stop(drain=0)
            self._gateway = None

    async def _made(self, call_of: CallOf, model: str, given: Mapping[str, Any]) -> tuple[Gateway, Call]:
        gateway, name, rest = await self._ready(model, given)
        call = call_of({"model": name, **rest})
        call.model = model
        return gateway, call

    async def _ready(self, model: str, given: Mapping[str, Any]) -> tuple[Gateway, str, dict[str, Any]]:
        """The gateway, the name under which it knows this model with these settings, and the call's parameters."""
        provider, _, upstream = model.partition("/") if isinstance(model, str) else ("", "", "")
        if not provider or not upstream:
            raise BadRequestError(
                f"`model` must be provider/model, not '{model}': what stands before the slash names the provider.",
                param="model",
            )
        async with self._locked():
            settings = {name: value for name, value in given.items() if value is not None and _is_setting(name)}
            name = f"{model}#{hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()[:16]}"
            if name not in self._models or self._gateway is None:
                await self._learn(name, {"model": model, **settings})
            self._models.move_to_end(name)
            assert self._gateway is not None
            unserved = self._gateway.runtime.catalog.unserved.get(name)
            if unserved is not None:
                del self._models[name]
                raise ModelNotFoundError(f"'{model}' cannot be called: {unserved}", param="model")
            return self._gateway, name, {key: value for key, value in given.items() if key not in settings}

    def _locked(self) -> asyncio.Lock:
        """The lock on what the gateway knows, made on the library's loop."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        return self._lock

    async def _learn(self, name: str, params: Mapping[str, Any]) -> None:
        """Make the gateway know one more model; the least recently used is forgotten over the bound."""
        self._models[name] = ModelEntry(name, params, {"id": name}, ())
        while len(self._models) > MOST_MODELS:
            self._models.popitem(last=False)
        await self._rebuild()

    async def _rebuild(self) -> None:
        settings = Settings(
            models=tuple(self._models.values()), nova=NovaSettings(register_model=dict(self._registered))
        )
        runtime = await asyncio.to_thread(build_runtime, settings)
        if self._gateway is not None:
            await self._gateway.reload(runtime)
            return
        gateway = Gateway(runtime)
        await gateway.start()
        self._gateway = gateway


@cache
def shared_library() -> Library:
    """The library behind the module's functions, made on first use and closed at exit; a forked process makes its own.

    A fork has no thread but the one that forked, and its sockets and selector are its parent's: so a child leaves
    this one alone, and `close` keeps it from being collected there.
    """
    library = Library()
    owner = os.getpid()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=shared_library.cache_clear)

    def close() -> None:
        if os.getpid() != owner:
            return
        try:
            library.thread.run(library.aclose())
        finally:
            library.thread.stop()

    # At exit the executors that plugins close with go first, in the reverse order of registration: so they must
    # have been registered (which importing them does) before this is.
    import concurrent.futures.thread  # noqa: F401

    register = getattr(threading, "_register_atexit", atexit.register)
    register(close)
    return library


class SyncStream:
    """Chunks of a streamed answer for synchronous code; also a context manager. Raises NovaError."""

    def __init__(self, thread: LoopThread, stream: AnswerStream) -> None:
        self.headers = stream.headers
        self._thread = thread
        self._stream = stream

    def __iter__(self) -> Iterator[Answer]:
        return self

    def __next__(self) -> Answer:
        chunk = self._thread.run(_next(self._stream))
        if chunk is None:
            raise StopIteration
        return chunk

    def __enter__(self) -> SyncStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the answer; the upstream is cancelled."""
        self._thread.run(self._stream.aclose())


class BridgedStream:
    """Chunks of a streamed answer for another event loop; also an async context manager. Raises NovaError."""

    def __init__(self, thread: LoopThread, stream: AnswerStream) -> None:
        self.headers = stream.headers
        self._thread = thread
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[Answer]:
        return self

    async def __anext__(self) -> Answer:
        chunk = await self._thread.bridge(_next(self._stream))
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def __aenter__(self) -> BridgedStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop the answer; the upstream is cancelled."""
        await self._thread.bridge(self._stream.aclose())


def _is_setting(name: str) -> bool:
    """Whether a keyword says how the model is reached or what it costs, and is no parameter of the call."""
    return name in OVERRIDES or is_price_key(name)


async def _next(stream: AnswerStream) -> Answer | None:
    return await anext(stream, None)


def completion(model: str, messages: Sequence[Mapping[str, Any]], **given: Any) -> Answer | SyncStream:
    """A chat completion of `provider/model`; with `stream=True` an iterator of chunks.

    `given` are OpenAI's parameters, the gateway's own (`num_retries`, `timeout`, `drop_params`, …), and for this
    library also `api_key`, `api_base` and `extra_headers`. Works inside a running event loop too. Raises NovaError.
    """
    library = shared_library()
    return library.answer(library.completion(model, messages, **given))


async def acompletion(model: str, messages: Sequence[Mapping[str, Any]], **given: Any) -> Answer | BridgedStream:
    """`completion` for async code; with `stream=True` an async iterator of chunks. Raises NovaError."""
    library = shared_library()
    return await library.bridged(library.completion(model, messages, **given))


def responses(model: str, input: Any = None, **given: Any) -> Answer | SyncStream:
    """An answer of `provider/model` in the Responses API; with `stream=True` an iterator of its events.

    Works with every provider; `previous_response_id` goes on from an earlier answer of this process. See
    `completion` for `given`. Raises NovaError.
    """
    library = shared_library()
    return library.answer(library.responses(model, input, **given))


async def aresponses(model: str, input: Any = None, **given: Any) -> Answer | BridgedStream:
    """`responses` for async code; with `stream=True` an async iterator of events. Raises NovaError."""
    library = shared_library()
    return await library.bridged(library.responses(model, input, **given))


def embedding(model: str, input: Any, **given: Any) -> Answer:
    """Embeddings by `provider/model`; see `completion` for `given`. Raises NovaError."""
    library = shared_library()
    return library.thread.run(library.embedding(model, input, **given))


async def aembedding(model: str, input: Any, **given: Any) -> Answer:
    """`embedding` for async code. Raises NovaError."""
    library = shared_library()
    return await library.thread.bridge(library.embedding(model, input, **given))


def register_model(models: Mapping[str, Mapping[str, Any]]) -> None:
    """Say what models cost and take: `{"provider/model": {"input_cost_per_token": …, "max_input_tokens": …}}`.

    The keys are those of `model_info`, the name may leave out the provider. What is said here counts before the
    catalogs of plugins; saying it again adds to it. Raises ConfigurationError for a value of the wrong kind.
    """
    library = shared_library()
    library.thread.run(library.register_model(models))
