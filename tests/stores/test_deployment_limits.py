"""Limits of deployments in two gateway processes that share a real Redis, and what happens when it goes away."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from tests.server.process import ServerProcess
from tests.stores.redis_server import RedisServer

RUNS, CALLS, ALLOWED = 50, 100, 20
CHAT = "/v1/chat/completions"


def config(port: int, models: Sequence[str], rpm: int, budget: float) -> str:
    lines = [f"  - {{model_name: {name}, params: {{model: echo/any, rpm: {rpm}}}}}" for name in models]
    return "\n".join(
        [
            "model_list:",
            *lines,
            f"plugins: {{store-redis: {{budget: {budget}}}}}",
            f"router_settings: {{num_retries: 0, redis_host: 127.0.0.1, redis_port: {port}}}",
        ]
    )


async def statuses(http: aiohttp.ClientSession, servers: Sequence[ServerProcess], name: str) -> Counter[int]:
    """The statuses of calls made at once, spread over the servers."""
    body = {"model": name, "messages": [{"role": "user", "content": "hi"}]}

    async def status(url: str) -> int:
        async with http.post(url + CHAT, json=body) as answer:
            await answer.read()
            return answer.status

    urls = [server.url for server in servers]
    return Counter(await asyncio.gather(*(status(urls[number % len(urls)]) for number in range(CALLS))))


@pytest.mark.timeout(120)
async def test_two_gateways_on_one_redis_let_exactly_twenty_of_a_hundred_through_fifty_times(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    names = [f"m{number}" for number in range(RUNS)]
    text = config(redis_server.port, names, ALLOWED, budget=5)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with ServerProcess(folders[0], text) as first, ServerProcess(folders[1], text) as second:
        async with aiohttp.ClientSession() as http:
            for name in names:
                assert await statuses(http, (first, second), name) == {200: ALLOWED, 429: CALLS - ALLOWED}, name


@pytest.mark.timeout(60)
async def test_a_redis_that_dies_under_load_fails_no_call_and_is_used_again_when_it_is_back(tmp_path: Path) -> None:
    with RedisServer() as redis:
        text = config(redis.port, ["m"], 1_000_000, budget=0.1)
        with ServerProcess(tmp_path, text) as server:
            async with aiohttp.ClientSession() as http:
                found = Counter(await statuses(http, (server,), "m"))
                redis.kill()
                began = time.monotonic()
                found += await statuses(http, (server,), "m")
                assert time.monotonic() - began < 10
                redis.start()
                server.until(lambda: "state is shared again" in server.err, 15)
                found += await statuses(http, (server,), "m")
    assert found == {200: 3 * CALLS}
