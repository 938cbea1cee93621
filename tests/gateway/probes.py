"""Plugins for the journey's tests: each notes what it saw, and does one thing to the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from nova_core import (
    Call,
    Chunk,
    ConfigurationError,
    Deployment,
    RateLimitedError,
    RejectedError,
    Reply,
    Request,
    hookimpl,
)
from nova_core.errors import NovaError
from nova_core.types.call import Attempt, CallRecord
from nova_core.types.chat import ChatReply
from nova_core.types.events import TextDelta
from nova_core.types.plugin import GatewayView
from nova_core.types.routing import Snapshot


class Probe:
    """Notes hooks in `seen` of the class, which a test clears first."""

    seen: list[str] = []  # noqa: RUF012 - shared with the test on purpose
    records: list[CallRecord] = []  # noqa: RUF012


class Outer(Probe):
    @hookimpl(tryfirst=True)
    async def pre_call(self, call: Call, request: Request) -> Request:
        self.seen.append("outer in")
        return request.with_members({"temperature": 0.5})

    @hookimpl
    def post_call(self, reply: Reply) -> None:
        self.seen.append("outer out")

    @hookimpl
    def call_finished(self, record: CallRecord) -> None:
        self.records.append(record)
        raise RuntimeError("an observer that fails")

    @hookimpl
    def startup(self, gateway: GatewayView) -> None:
        self.seen.append("startup")

    @hookimpl
    def shutdown(self, gateway: GatewayView) -> None:
        self.seen.append("shutdown")


class Inner(Probe):
    @hookimpl
    def pre_call(self, request: Request) -> None:
        self.seen.append("inner in")
        if request.get("user") == "blocked":
            raise RejectedError("not you")

    @hookimpl
    async def post_call(self, reply: Reply) -> Reply:
        self.seen.append("inner out")
        typed = reply.typed
        assert isinstance(typed, ChatReply)
        return reply.with_typed(replace(typed, id="changed-by-inner"))


class Answering(Probe):
    """Answers itself, as a cache does."""

    @hookimpl(trylast=True)
    def pre_call(self, call: Call, request: Request) -> Reply:
        self.seen.append("answering in")
        members = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "cached",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "from memory"}}
            ],
        }
        return Reply("chat", request.dialect, members)

    @hookimpl
    def post_call(self) -> None:
        self.seen.append("answering out")


class Shouting(Probe):
    """Wraps streams: text in capitals."""

    @hookimpl
    async def post_call_stream(self, chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
        try:
            async for chunk in chunks:
                if any(isinstance(event, TextDelta) for event in chunk.events):
                    events = tuple(
                        replace(event, text=event.text.upper()) if isinstance(event, TextDelta) else event
                        for event in chunk.events
                    )
                    yield Chunk(events)
                else:
                    yield chunk
        finally:
            self.seen.append("shouting closed")


class Watching(Probe):
    """Wraps streams and changes nothing."""

    @hookimpl
    async def post_call_stream(self, chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            self.seen.append("watching closed")


class Consoling(Probe):
    @hookimpl
    def call_failed(self, error: NovaError) -> NovaError:
        return RateLimitedError("come back later", retry_after=9)


class Splitting(Probe):
    """Asks the same question twice as child calls."""

    @hookimpl
    async def pre_call(self, call: Call, request: Request) -> Reply | None:
        if call.parent is not None:
            return None
        first = await call.run(request.with_members({"user": "first"}))
        second = await call.run(request.with_members({"user": "second"}))
        assert isinstance(first, Reply)
        assert isinstance(second, Reply)
        return second


class Buggy(Probe):
    @hookimpl
    def pre_call(self) -> None:
        raise ZeroDivisionError("secret detail")


class SlowObserver(Probe):
    """Takes its time over each attempt."""

    @hookimpl
    async def attempt_finished(self, attempt: Attempt) -> None:
        await asyncio.sleep(2)
        self.seen.append(f"attempt {attempt.number}")


class Emptying(Probe):
    """A filter that leaves nothing of the first group."""

    @hookimpl
    def route_select(self, snapshot: Snapshot) -> tuple[Deployment, ...] | None:
        return () if snapshot.fallback == 0 else None


class Refusing(Probe):
    @hookimpl
    def startup(self) -> None:
        raise ConfigurationError("not with this configuration")


class Counting(Probe):
    """An object of the module, as an entry point may name: every generation has the same one."""

    @hookimpl
    def startup(self) -> None:
        self.seen.append("counting startup")

    @hookimpl
    def shutdown(self) -> None:
        self.seen.append("counting shutdown")


COUNTING = Counting()


class Clumsy(Probe):
    """Fails before it has wrapped the stream."""

    @hookimpl
    def post_call_stream(self, chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
        raise RuntimeError("no wrapper")


class Forgetful(Probe):
    @hookimpl
    async def startup(self, gateway: GatewayView) -> None:
        gateway.settings["forgotten"]


class Keeping(Probe):
    """Provides stores of one kind, and asks for two kinds at start-up."""

    asked: list[object] = []  # noqa: RUF012

    @hookimpl
    def provide_store(self, kind: str, settings: Mapping[str, object]) -> object | None:
        return ("shelf", dict(settings)) if kind == "key_value" else None

    @hookimpl
    def startup(self, gateway: GatewayView) -> None:
        self.asked[:] = [gateway.store("key_value", {"size": 1}), gateway.store("counters")]
        with pytest.raises(ConfigurationError, match="kind 'attic'"):
            gateway.store("attic")
