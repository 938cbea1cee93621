"""The three ways to share state, each with as many members as a test wants."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from nova_core.server.shared_store import ParentLink, SharedStore
from nova_core.stores import MemorySharedState, RemoteState, SharedState
from nova_plugin_store_redis.link import RedisLink
from nova_plugin_store_redis.settings import RedisSettings
from tests.stores.redis_server import RedisServer

PATIENT = 10.0
"""Seconds: these tests ask what the answer is; on a busy machine it may take a while. Others ask how long it takes."""

Members = Callable[[int], Awaitable[list[SharedState]]]
_namespaces = (f"test-{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@contextlib.asynccontextmanager
async def sharing(kind: str, port: int, *, renew_seconds: float = 0.05) -> AsyncIterator[Members]:
    """Makes members of one group that share state with each other, and with nobody else."""
    namespace = next(_namespaces)
    store = SharedStore()
    made: list[SharedState] = []

    async def member() -> SharedState:
        if kind == "memory":
            return made[0] if made else MemorySharedState()
        settings = RedisSettings("Redis of the tests", port=port, namespace=namespace)
        link = RedisLink(settings) if kind == "redis" else ParentLink(await store.connect())
        return RemoteState(link, budget=PATIENT, renew_seconds=renew_seconds)

    async def members(number: int) -> list[SharedState]:
        for _ in range(number):
            made.append(await member())
            await made[-1].start()
        return made

    try:
        yield members
    finally:
        for state in made:
            await state.aclose()
        await store.aclose()


@pytest.fixture(params=["memory", "parent", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def port(kind: str, request: pytest.FixtureRequest) -> int:
    return request.getfixturevalue("redis_server").port if kind == "redis" else 0


@pytest.fixture
async def members(kind: str, port: int) -> AsyncIterator[Members]:
    async with sharing(kind, port) as make:
        yield make
