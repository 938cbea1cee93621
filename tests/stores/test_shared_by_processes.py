"""Several processes share one Redis: exact limits, and leases of a process that died are free again."""

from __future__ import annotations

import asyncio
import json
import sys

from nova_core.stores import Lease, Reading, RemoteState, Taken, Window
from nova_plugin_store_redis.link import RedisLink
from nova_plugin_store_redis.settings import RedisSettings
from tests.stores.conftest import PATIENT
from tests.stores.waiting import expect_soon

ROUNDS = 50

REPLICA = f"""
import asyncio, json, sys
from nova_core.stores import Lease, RemoteState, Taken, Window
from nova_plugin_store_redis.link import RedisLink
from nova_plugin_store_redis.settings import RedisSettings

async def main(port, namespace):
    state = RemoteState(RedisLink(RedisSettings("Redis", port=port, namespace=namespace)), budget={PATIENT})
    await state.start()
    for line in iter(sys.stdin.readline, ""):
        key, number, limit, seconds = json.loads(line)
        claims = (Window("rpm:" + key, limit, seconds=60.0), Lease("runs:" + key, 1000, seconds))
        answers = await asyncio.gather(*(state.take(claims) for _ in range(number)))
        print(json.dumps([sum(isinstance(answer, Taken) for answer in answers), state.is_shared]), flush=True)
    await state.aclose()

asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
"""


async def replica(port: int, namespace: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", REPLICA, str(port), namespace, stdin=pipe, stdout=pipe
    )


async def ask(process: asyncio.subprocess.Process, *task: object) -> int:
    """How many of the takes that a replica was told to try at once it got."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(task).encode() + b"\n")
    taken, is_shared = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    assert is_shared
    return int(taken)


async def test_of_a_hundred_calls_at_once_in_two_processes_exactly_twenty_pass_fifty_times(redis_server):
    replicas = [await replica(redis_server.port, "processes") for _ in range(2)]
    try:
        passed = [
            sum(await asyncio.gather(*(ask(process, f"{attempt}", 50, 20, 30.0) for process in replicas)))
            for attempt in range(ROUNDS)
        ]
    finally:
        for process in replicas:
            process.kill()
            await process.wait()
    assert passed == [20] * ROUNDS


async def test_the_leases_of_a_process_that_died_are_free_after_their_seconds(redis_server):
    link = RedisLink(RedisSettings("Redis", port=redis_server.port, namespace="died"))
    state = RemoteState(link, budget=PATIENT)
    process = await replica(redis_server.port, "died")
    try:
        assert await ask(process, "d", 3, 100, 1.0) == 3
        reading = Reading(("rpm:d",), ("runs:d",))
        await state.start()
        assert (await state.look(reading)).leases == {"runs:d": 3}
        process.kill()
        await process.wait()
        await expect_soon({}, lambda: _leases(state, reading))
        assert (await state.look(reading)).windows == {"rpm:d": 3}
        assert isinstance(await state.take((Window("rpm:d", 4), Lease("runs:d", 1))), Taken)
    finally:
        await state.aclose()


async def _leases(state: RemoteState, reading: Reading) -> dict[str, int]:
    return dict((await state.look(reading)).leases)
