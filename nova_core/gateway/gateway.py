"""The gateway: runs calls through plugins, routing, attempts and fallbacks, and swaps its configuration live."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from nova_core.config.check import read_settings
from nova_core.config.loader import load
from nova_core.config.schema import Settings
from nova_core.errors import ClientClosedError, InternalServerError, NovaError, let_go
from nova_core.gateway.accounting import Background, Watcher, ask_call_failed, record_of
from nova_core.gateway.attempts import Attempts, Observer, Try, put_last
from nova_core.gateway.calling import Calls
from nova_core.gateway.conversations import Conversations
from nova_core.gateway.cooldowns import Cooldowns
from nova_core.gateway.fallbacks import FallbackPlan, may_fall_back
from nova_core.gateway.file_calling import FileCalls
from nova_core.gateway.health import HealthBoard
from nova_core.gateway.in_flight import InFlight
from nova_core.gateway.layers import as_asked, through_layers
from nova_core.gateway.lifecycle import start_plugins, stop_plugins
from nova_core.gateway.media_calling import MediaCalls
from nova_core.gateway.options import as_fallback
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.response_session import ResponseSession
from nova_core.gateway.routing import NO_STATE, Resolved, check_access, names_to_check, resolve, select, state_of
from nova_core.gateway.runtime import Runtime, RuntimeView, build_runtime, transport_options
from nova_core.gateway.said import as_said
from nova_core.gateway.sharing import Sharing, same_deployments
from nova_core.gateway.spaces import settle_space
from nova_core.gateway.transport import Transport, TransportOptions
from nova_core.gateway.transport_default import default_transport
from nova_core.gateway.trying import Trier, check_overrides
from nova_core.gateway.underway import Keeps, Told, Underway
from nova_core.stores import SHARED_STATE, MemorySharedState, SharedState
from nova_core.types.call import NO_OPTIONS, Attempt, Call
from nova_core.types.decision import Levels
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.routing import Snapshot
from nova_core.types.structural import follows

logger = logging.getLogger("nova.gateway")

DRAIN_SECONDS = 30.0
MakeTransport = Callable[[TransportOptions], Transport]


class Gateway(Calls, MediaCalls, FileCalls):
    """Serves calls from one configuration at a time. Use as an async context manager, in one event loop.

    `reload` swaps the configuration atomically: calls in flight finish on the one they began with. `shared_state`
    is what routing shares where no plugin provides it: by default this process's memory; the gateway starts and
    closes it.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        make_transport: MakeTransport = default_transport,
        shared_state: SharedState | None = None,
    ) -> None:
        self.runtime = runtime
        self.background = Background()
        self.watchers: list[Watcher] = []
        self.cooldowns = Cooldowns()
        self._sharing: Sharing | None = None
        self.health = HealthBoard()
        self.shared_state: SharedState = MemorySharedState() if shared_state is None else shared_state
        self._random = Random()
        self._make_transport = make_transport
        self._transport: Transport | None = None
        self._keeps: Keeps | None = None
        self.running = InFlight()

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
        return len(self.running)

    async def start(self) -> None:
        """Open the transport and start the plugins. Raises ConfigurationError when one cannot start."""
        transport = self._transport = self._make_transport(transport_options(self.runtime))
        self._keeps = transport if follows(transport, Keeps) else None
        try:
            await self.shared_state.start()
            await start_plugins(self.runtime.pipeline, RuntimeView(self, self.runtime))
            await self._share(self.runtime)
        except BaseException:
            await self.shared_state.aclose()
            await self._transport.aclose()
            self._transport = self._keeps = None
            raise

    async def stop(self, *, drain: float = DRAIN_SECONDS) -> None:
        """Wait up to `drain` seconds for calls in flight, then stop plugins, background work and transport."""
        await self.running.until_idle(self.runtime, drain)
        await self.background.drain(drain)
        if self._sharing is not None:
            await self._sharing.stop()
        await stop_plugins(self.runtime.pipeline, RuntimeView(self, self.runtime))
        await self.shared_state.aclose()
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = self._keeps = None

    async def reload(self, runtime: Runtime) -> None:
        """Swap to another generation; the old one's plugins are stopped after its last call.

        Raises ConfigurationError when a plugin cannot start; then nothing has changed.
        """
        await start_plugins(runtime.pipeline, RuntimeView(self, runtime), beside=self.runtime.pipeline)
        await self._share(runtime)
        old, self.runtime = self.runtime, runtime
        self.cooldowns.forget_all_but(same_deployments(old.catalog, runtime.catalog))
        self.health.forget_all_but(same_deployments(old.catalog, runtime.catalog))
        self.background.spawn(self._retire(old), name="retire the old configuration")

    async def run(self, call: Call) -> Reply | Stream:
        """Run a call; the answer is in the provider's dialect. Whoever gets a Stream closes it.

        Raises NovaError. The call is accounted in every case, for a stream when it is closed.
        """
        return await self.run_on(self.runtime, call)

    @cached_property
    def conversations(self) -> Conversations:
        """The Responses API, which keeps its answers: calls in it are answered there."""
        return Conversations(self)

    def begin(self, call: Call, told: Told) -> Underway | None:
        """Run a call like `answer`, but tell of its reply, where nothing about the call has to be waited for.

        None where the call or the configuration needs more than that: nothing has begun then.
        """
        transport = self._keeps
        if transport is None or not self.runtime.at_once:
            return None
        if call.streaming or call.options is not NO_OPTIONS or call.operation == "count_tokens":
            return None
        underway = Underway(self, transport, call, told)
        underway.begin()
        return underway

    async def answer(
        self, call: Call, session: ResponseSession | None = None, underway: Underway | None = None
    ) -> Reply | CallerStream:
        """Run a call; the answer is in the caller's dialect and under the caller's model name.

        `session` goes around a call whose answer is kept. `underway`: it has begun already. Raises NovaError. A
        CallerStream must be closed.
        """
        runtime = self.runtime if underway is None else underway.runtime
        if underway is None:
            self.running.enter(runtime)
        try:
            if session is not None:
                await session.begin()
            dialect = call.original.dialect
            outcome = await self._journey(runtime, call, underway)
            if isinstance(outcome, Stream):
                end = self._stream_end(runtime, call)
                return CallerStream(call, outcome, dialect, end) if session is None else session.stream(outcome, end)
            reply = as_said(call, outcome)
            if session is not None:
                reply = await session.settled(reply)
        except BaseException as error:
            await self._failed(runtime, call, error)
            raise
        self.finish(runtime, call, None, False)
        return reply

    async def answer_failure(self, runtime: Runtime, call: Call, error: BaseException) -> Reply | CallerStream:
        """Account for a call that raised, and raise the error to answer."""
        await self._failed(runtime, call, error)
        raise error

    async def run_on(self, runtime: Runtime, call: Call) -> Reply | Stream:
        """Run a call on a given generation; see `run`."""
        self.running.enter(runtime)
        try:
            outcome = await self._journey(runtime, call)
        except BaseException as error:
            await self._failed(runtime, call, error)
            raise
        if isinstance(outcome, Reply):
            self.finish(runtime, call, None, False)
            return outcome
        end = self._stream_end(runtime, call)
        outcome.on_close(lambda: end(None))
        return outcome

    def admit(self, runtime: Runtime, call: Call) -> None:
        """Let a call in. Raises BadRequestError without a model, PermissionDeniedError for one out of its reach."""
        # Nearly always a name is enough, and allowed.
        allowed = call.model and call.principal.may_call(call.model)
        if not allowed or runtime.settings.compat.alias_needs_target:
            check_access(call, *names_to_check(runtime, call.model))
        call.runner = partial(self.run_on, runtime)

    async def _journey(self, runtime: Runtime, call: Call, underway: Underway | None = None) -> Reply | Stream:
        inward = None
        if underway is not None:
            inward = underway.inward
        else:
            self.admit(runtime, call)
        if (call.options.timeout is not None or runtime.policy.call_timeout is not None) and call.deadline is None:
            call.deadline = runtime.policy.call_deadline(call)
        if runtime.pipeline.layers:
            inner = partial(self._route, runtime, call, underway=underway)
            outcome = await through_layers(runtime.pipeline, call, inner, inward)
        else:
            outcome = await self._route(runtime, call, call.original, underway=underway)
            if call.streaming is isinstance(outcome, Reply):
                outcome = await as_asked(call, outcome)
        if isinstance(outcome, Reply):
            call.usage = outcome.usage
        return outcome

    async def _route(
        self,
        runtime: Runtime,
        call: Call,
        request: Request,
        broken: str | None = None,
        underway: Underway | None = None,
    ) -> Reply | Stream:
        """Try the model group, then its fallbacks. Raises the first group's error when all failed.

        `broken` is the id of the deployment whose stream is to be continued: it is the last one tried. `underway`: the
        first attempt may have been made.
        """
        policy, guards, asked = runtime.policy, runtime.guards, call.options
        plan = FallbackPlan(call, policy, first=request.model or call.model, aliases=runtime.catalog.aliases)
        attempts = Attempts(call, policy, self.cooldowns, self.observer(runtime), plan)
        first: NovaError | None = None
        said, number = request, 0
        while True:
            name = plan.current
            try:
                if underway is not None and underway.levels is not None:
                    trier = Trier(self.transport, runtime, call, said, underway if underway.started else None)
                    levels, since, underway = underway.levels, underway.started, None
                    return await attempts.run(levels, trier.try_one, group=call.group, since=since)
                resolved = resolve(runtime, call, name)
                if call.options.overrides:
                    check_overrides(runtime, call, resolved.deployments)
                call.group, call.fallbacks = resolved.group, number
                levels = self.levels(runtime, call, said, resolved, number)
                if guards is None:
                    trier = Trier(self.transport, runtime, call, said)
                    return await attempts.run(levels, trier.try_one, group=call.group)
                if broken is not None:
                    levels = put_last(levels, broken)
                try_as = partial(self._try_as, runtime, said)
                answer = await guards.run(attempts, levels, try_as, call, said)
                guards.check(answer, call, plan)
                return guards.continued(answer, call, said, partial(self._go_on, runtime, call), broken is None)
            except NovaError as error:
                if first is None and not may_fall_back(error, call):
                    raise
                first = first or error
                call.note("group", f"{name} failed", f"{error.status} {error.code}")
                if len(call.attempts) >= policy.max_attempts or plan.after(error) is None:
                    break
                number += 1
                said = as_fallback(call, request, asked, plan.current)
        raise first

    def _try_as(self, runtime: Runtime, request: Request, call: Call) -> Try:
        return Trier(self.transport, runtime, call, request).try_one

    async def _go_on(self, runtime: Runtime, call: Call, request: Request, error: NovaError) -> Reply | Stream:
        """The rest of an answer whose stream broke with this error. Raises NovaError."""
        broken = call.deployment.id if call.deployment is not None else ""
        call.note("continuation", f"the stream of {broken} broke", f"{error.status} {error.code}")
        call.deadline = None
        return await self._route(runtime, call, request, broken)

    def levels(self, runtime: Runtime, call: Call, request: Request, resolved: Resolved, fallback: int) -> Levels:
        """Who is asked in a group, `fallback` groups after the first, level by level. Raises NovaError for nobody."""
        decided = resolved.decided
        if decided is not None and (call.operation != "embedding" or settle_space(call, request, resolved.space)):
            call.routed.append(decided)
            return decided.levels
        steps = runtime.pipeline.route_state
        state = state_of(steps, call, request, resolved.deployments) if steps else NO_STATE
        snapshot = self.snapshot(runtime, resolved.group, fallback, state)
        return select(runtime.pipeline, call, request, resolved, snapshot)

    def snapshot(self, runtime: Runtime, group: str, fallback: int, state: Mapping[str, Any] = NO_STATE) -> Snapshot:
        """The state of this moment for deciding about a model group, `fallback` groups after the first."""
        return Snapshot(
            group,
            time.monotonic(),
            runtime.catalog,
            fallback,
            self.cooldowns.cooling(),
            seed=self._random.getrandbits(64),
            state=state,
        )

    def observer(self, runtime: Runtime) -> Observer | None:
        """Who is told of attempts; None where nobody listens."""
        if not runtime.pipeline.attempt_finished:
            return None

        def observe(call: Call, attempt: Attempt) -> None:
            self.background.tell(runtime.pipeline.attempt_finished, call, attempt)

        return observe

    async def _failed(self, runtime: Runtime, call: Call, error: BaseException) -> None:
        """Account for a call that raised. Raises the error to answer where that is another one."""
        if isinstance(error, asyncio.CancelledError):
            self.finish(runtime, call, ClientClosedError("the caller left"), False)
            return
        answered = error
        if not isinstance(error, NovaError):
            if not isinstance(error, Exception):
                self.finish(runtime, call, InternalServerError("the gateway was stopped"), False)
                return
            logger.error("call %s failed in the gateway", call.id, exc_info=error)
            answered = InternalServerError(f"the gateway failed; the operator finds call {call.id} in the log")
        assert isinstance(answered, NovaError)
        if runtime.pipeline.call_failed:
            answered = await ask_call_failed(runtime.pipeline.call_failed, call, answered)
        self.finish(runtime, call, answered, False)
        if answered is not error:
            raise answered from error

    def _stream_end(self, runtime: Runtime, call: Call) -> Callable[[NovaError | None], Awaitable[None]]:
        async def end(error: NovaError | None) -> None:
            self.finish(runtime, call, error, True)

        return end

    def finish(self, runtime: Runtime, call: Call, error: NovaError | None, streamed: bool) -> None:
        """Account for a call exactly once and let it go."""
        self.running.leave(runtime)
        status = error.status if error is not None else 200
        record = record_of(call, status=status, error=error, streamed=streamed, generation=runtime.generation)
        for watch in self.watchers:
            watch(record)
        for attempt in call.attempts:
            if attempt.error is not None and attempt.error is not error:
                let_go(attempt.error)
        if runtime.pipeline.call_finished:
            self.background.tell(runtime.pipeline.call_finished, record)

    async def _share(self, runtime: Runtime) -> None:
        """Count limits and publish cooldowns of a generation in the state that it provides."""
        state = RuntimeView(self, runtime).store(SHARED_STATE)
        assert isinstance(state, SharedState)
        if runtime.guards is not None and runtime.guards.limits is not None:
            runtime.guards.limits.bind(state)
        if self._sharing is not None:
            await self._sharing.stop()
        self._sharing = Sharing(self.cooldowns, state, runtime.catalog)
        self._sharing.start()

    async def _retire(self, runtime: Runtime) -> None:
        await self.running.until_idle(runtime, None)
        await stop_plugins(runtime.pipeline, RuntimeView(self, runtime), beside=self.runtime.pipeline)
