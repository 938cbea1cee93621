"""The gateway: runs calls through plugins, routing, attempts and fallbacks, and swaps its configuration live."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from nova_core.config.check import read_settings
from nova_core.config.loader import load
from nova_core.config.schema import Settings
from nova_core.errors import ClientClosedError, InternalServerError, ModelNotFoundError, NovaError, RequestTimeoutError
from nova_core.gateway.accounting import Background, Watcher, ask_call_failed, record_of, tell
from nova_core.gateway.attempts import Attempts
from nova_core.gateway.calling import Calls
from nova_core.gateway.cooldowns import Cooldowns
from nova_core.gateway.fallbacks import FallbackPlan
from nova_core.gateway.layers import through_layers
from nova_core.gateway.lifecycle import start_plugins, stop_plugins
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.routing import check_access, resolve, select, snapshot_for
from nova_core.gateway.runtime import Runtime, RuntimeView, build_runtime
from nova_core.gateway.transport import Transport, TransportOptions
from nova_core.gateway.transport_default import default_transport
from nova_core.gateway.trying import Trier
from nova_core.types.call import Attempt, Call
from nova_core.types.message import Reply, Request, Stream
from nova_core.wire.translate import translate_reply

logger = logging.getLogger("nova.gateway")

DRAIN_SECONDS = 30.0
MakeTransport = Callable[[TransportOptions], Transport]


class Gateway(Calls):
    """Serves calls from one configuration at a time. Use as an async context manager, in one event loop.

    `reload` swaps the configuration atomically: calls in flight finish on the one they began with.
    """

    def __init__(self, runtime: Runtime, *, make_transport: MakeTransport = default_transport) -> None:
        self.runtime = runtime
        self.background = Background()
        self.watchers: list[Watcher] = []
        self.cooldowns = Cooldowns()
        self._random = Random()
        self._make_transport = make_transport
        self._transport: Transport | None = None
        self._in_flight: dict[int, int] = {}
        self._idle: dict[int, asyncio.Event] = {}

    @classmethod
    def from_settings(cls, settings: Settings, **options: Any) -> Self:
        """A gateway for typed settings. Raises ConfigError or ConfigurationError."""
        return cls(build_runtime(settings), **options)

    @classmethod
    def from_config(cls, path: Path | str, **options: Any) -> Self:
        """A gateway for a configuration file. Raises ConfigError with every problem, by file and line."""
        return cls.from_settings(read_settings(load(path)), **options)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def transport(self) -> Transport:
        """The open transport."""
        if self._transport is None:
            raise RuntimeError("the gateway is not started: use it as an async context manager")
        return self._transport

    @property
    def in_flight(self) -> int:
        """Calls running now, streams included."""
        return sum(self._in_flight.values())

    async def start(self) -> None:
        """Open the transport and start the plugins. Raises ConfigurationError when one cannot start."""
        self._transport = self._make_transport(_transport_options(self.runtime))
        try:
            await start_plugins(self.runtime.pipeline, RuntimeView(self, self.runtime))
        except BaseException:
            await self._transport.aclose()
            self._transport = None
            raise

    async def stop(self, *, drain: float = DRAIN_SECONDS) -> None:
        """Wait up to `drain` seconds for calls in flight, then stop plugins, background work and transport."""
        await self._until_idle(self.runtime, drain)
        await self.background.drain(drain)
        await stop_plugins(self.runtime.pipeline, RuntimeView(self, self.runtime))
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    async def reload(self, runtime: Runtime) -> None:
        """Swap to another generation; the old one's plugins are stopped after its last call.

        Raises ConfigurationError when a plugin cannot start; then nothing has changed.
        """
        await start_plugins(runtime.pipeline, RuntimeView(self, runtime), beside=self.runtime.pipeline)
        old, self.runtime = self.runtime, runtime
        self.cooldowns.forget_all_but(frozenset(runtime.catalog.by_id))
        self.background.spawn(self._retire(old), name="retire the old configuration")

    async def run(self, call: Call) -> Reply | Stream:
        """Run a call; the answer is in the provider's dialect. Whoever gets a Stream closes it.

        Raises NovaError. The call is accounted in every case, for a stream when it is closed.
        """
        return await self.run_on(self.runtime, call)

    async def answer(self, call: Call) -> Reply | CallerStream:
        """Run a call; the answer is in the caller's dialect and under the caller's model name.

        Raises NovaError. A CallerStream must be closed.
        """
        runtime = self.runtime
        dialect = call.original.dialect
        async with self._accounted(runtime, call):
            outcome = await self._journey(runtime, call)
            if isinstance(outcome, Stream):
                return CallerStream(call, outcome, dialect, lambda error: self._finish(runtime, call, error, True))
            reply = translate_reply(outcome, dialect)
            if reply.fidelity.dropped:
                call.note("translate", f"the answer is said without {', '.join(reply.fidelity.dropped)}")
            if "model" in reply.members:
                reply = reply.with_members({"model": call.model})
        await self._finish(runtime, call, None, False)
        return reply

    async def run_on(self, runtime: Runtime, call: Call) -> Reply | Stream:
        """Run a call on a given generation; see `run`."""
        async with self._accounted(runtime, call):
            outcome = await self._journey(runtime, call)
        if isinstance(outcome, Reply):
            await self._finish(runtime, call, None, False)
            return outcome
        outcome.on_close(lambda: self._finish(runtime, call, None, True))
        return outcome

    @asynccontextmanager
    async def _accounted(self, runtime: Runtime, call: Call) -> AsyncIterator[None]:
        """Let a call in; what it raises is accounted for, and raised as plugins would have it answered."""
        self._enter(runtime)
        try:
            yield
        except BaseException as error:
            answered = await self._failed(runtime, call, error)
            if answered is error:
                raise
            raise answered from error

    async def _journey(self, runtime: Runtime, call: Call) -> Reply | Stream:
        check_access(call, call.model)
        call.runner = lambda child: self.run_on(runtime, child)
        if call.options.timeout is not None and not call.streaming and call.deadline is None:
            call.deadline = call.started + call.options.timeout
        outcome = await through_layers(runtime.pipeline, call, lambda request: self._route(runtime, call, request))
        if isinstance(outcome, Reply):
            call.usage = outcome.usage
        return outcome

    async def _route(self, runtime: Runtime, call: Call, request: Request) -> Reply | Stream:
        """Try the model group, then its fallbacks. Raises the first group's error when all failed."""
        trier = Trier(self.transport, runtime, call, request)
        attempts = Attempts(call, runtime.policy, self.cooldowns, self._observer(runtime))
        first: NovaError | None = None
        for number, name in enumerate(FallbackPlan(call, runtime.policy, first=request.model or call.model)):
            try:
                group, found = resolve(runtime.pipeline, runtime.catalog, call, name, runtime.environ)
                trier.check_overrides(found)
                snapshot = snapshot_for(
                    runtime.catalog, group, fallback=number, cooling=self.cooldowns.cooling(), random=self._random
                )
                levels = select(runtime.pipeline, call, request, group, found, snapshot)
                call.group, call.fallbacks = group, number
                return await attempts.run(levels, trier.try_one, group=group)
            except NovaError as error:
                if first is None and not _may_fall_back(error, call):
                    raise
                first = first or error
                call.note("group", f"{name} failed", f"{error.status} {error.code}")
        assert first is not None
        raise first

    def _observer(self, runtime: Runtime) -> Callable[[Call, Attempt], None]:
        def observe(call: Call, attempt: Attempt) -> None:
            if runtime.pipeline.attempt_finished:
                self.background.spawn(tell(runtime.pipeline.attempt_finished, call, attempt), name="attempt_finished")

        return observe

    async def _failed(self, runtime: Runtime, call: Call, error: BaseException) -> BaseException:
        """Account for a call that raised, and answer the error to raise."""
        if isinstance(error, asyncio.CancelledError):
            await asyncio.shield(self._finish(runtime, call, ClientClosedError("the caller left"), False))
            return error
        if not isinstance(error, NovaError):
            if not isinstance(error, Exception):
                await self._finish(runtime, call, InternalServerError("the gateway was stopped"), False)
                return error
            logger.error("call %s failed in the gateway", call.id, exc_info=error)
            error = InternalServerError(f"the gateway failed; the operator finds call {call.id} in the log")
        if runtime.pipeline.call_failed:
            error = await ask_call_failed(runtime.pipeline.call_failed, call, error)
        await self._finish(runtime, call, error, False)
        return error

    async def _finish(self, runtime: Runtime, call: Call, error: NovaError | None, streamed: bool) -> None:
        """Account for a call exactly once and let it go."""
        self._leave(runtime)
        status = error.status if error is not None else 200
        record = record_of(call, status=status, error=error, streamed=streamed)
        for watch in self.watchers:
            watch(record)
        if runtime.pipeline.call_finished:
            self.background.spawn(tell(runtime.pipeline.call_finished, record), name="call_finished")

    async def _retire(self, runtime: Runtime) -> None:
        await self._until_idle(runtime, None)
        await stop_plugins(runtime.pipeline, RuntimeView(self, runtime), beside=self.runtime.pipeline)

    def _enter(self, runtime: Runtime) -> None:
        self._in_flight[id(runtime)] = self._in_flight.get(id(runtime), 0) + 1

    def _leave(self, runtime: Runtime) -> None:
        left = self._in_flight[id(runtime)] - 1
        if left:
            self._in_flight[id(runtime)] = left
            return
        del self._in_flight[id(runtime)]
        idle = self._idle.pop(id(runtime), None)
        if idle is not None:
            idle.set()

    async def _until_idle(self, runtime: Runtime, seconds: float | None) -> None:
        if id(runtime) not in self._in_flight:
            return
        idle = self._idle.setdefault(id(runtime), asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await idle.wait()
        except TimeoutError:
            logger.warning("%d calls were still running after %s seconds", self.in_flight, seconds)


def _may_fall_back(error: NovaError, call: Call) -> bool:
    """Unknown names and what the caller must change about routing are answered at once; so is a passed deadline."""
    if isinstance(error, ModelNotFoundError) and not error.from_upstream and not call.attempts:
        return error.deployment_id is not None
    if call.operation == "embedding" and call.space is None:
        return False  # in which space the caller wants vectors is not known, so no other group may answer
    if call.deadline is not None and isinstance(error, RequestTimeoutError) and time.monotonic() >= call.deadline:
        return False
    return bool(call.attempts) or error.retryable


def _transport_options(runtime: Runtime) -> TransportOptions:
    options = TransportOptions(connect_timeout=runtime.policy.connect_timeout)
    nova = runtime.settings.nova
    return replace(options, ssl_verify=nova.ssl_verify, ssl_certificate=nova.ssl_certificate)
