"""Running servers share state: the workers of one through their parent, two servers through Redis."""

from __future__ import annotations

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests.server.process import ServerProcess

PLUGIN = """
import os
from nova_core import hookimpl
from nova_core.stores import Lease, Reading, Taken, Window

class Sharing:
    held = []

    @hookimpl
    def startup(self, gateway):
        self.state = gateway.store("shared_state")

    @hookimpl
    def register_routes(self, routes):
        async def take(key: str, limit: int):
            answer = await self.state.take((Window(key, limit), Lease(key)))
            self.held.append(answer)
            return {"taken": isinstance(answer, Taken), "pid": os.getpid(), "is_shared": self.state.is_shared}

        async def look(key: str):
            view = await self.state.look(Reading((key,), (key,)))
            return [view.windows.get(key, 0), view.leases.get(key, 0)]

        routes.add_api_route("/take", take)
        routes.add_api_route("/look", look)
"""
CONFIG = """
model_list:
  - {model_name: echo, litellm_params: {model: echo/any}}
  - {model_name: limited, litellm_params: {model: echo/any, rpm: 20}}
plugins: [sharing.Sharing]
"""


def taken_of(clients: list[httpx.Client], key: str, *, calls: int, limit: int) -> list[dict[str, Any]]:
    """The answers to as many calls at once, spread over the servers."""

    def take(number: int) -> dict[str, Any]:
        answer = clients[number % len(clients)].get("/take", params={"key": key, "limit": limit})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(take, range(calls)))


def statuses_of(server: ServerProcess, model: str, *, calls: int) -> list[int]:
    """What as many calls at once are answered, each on a connection of its own, so that every worker has some."""

    def call(_: int) -> int:
        with server.http() as http:
            asked = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
            return http.post("/v1/chat/completions", json=asked).status_code

    with ThreadPoolExecutor(10) as pool:
        return list(pool.map(call, range(calls)))


def look(client: httpx.Client, key: str) -> list[int]:
    return list(client.get("/look", params={"key": key}).json())


def look_at_who_is_left(client: httpx.Client, key: str) -> list[int]:
    """What a worker answers, or nothing where the connection fell with the worker that held it."""
    try:
        return look(client, key)
    except httpx.TransportError:
        return []


def test_the_workers_of_one_machine_share_limits_and_what_one_held_is_free_when_it_dies(tmp_path: Path) -> None:
    (tmp_path / "sharing.py").write_text(PLUGIN)
    with ServerProcess(tmp_path, CONFIG, workers=2) as server, server.http() as http:
        answers: list[dict[str, Any]] = []
        for attempt in range(2):
            answers = taken_of([http], f"k{attempt}", calls=60, limit=20)
            assert all(answer["is_shared"] for answer in answers)
            assert sum(answer["taken"] for answer in answers) == 20
        assert look(http, "k1") == [20, 20]
        assert Counter(statuses_of(server, "limited", calls=40)) == {200: 20, 429: 20}
        by_worker = {worker.pid: 0 for worker in server.workers}
        for answer in answers:
            by_worker[answer["pid"]] += answer["taken"]
        dying, left = min(by_worker.items(), key=lambda each: each[1])
        os.kill(dying, signal.SIGKILL)
        server.until(lambda: look_at_who_is_left(http, "k1") == [20, 20 - left])


def test_two_servers_with_one_redis_share_limits(tmp_path: Path, redis_server) -> None:
    config = CONFIG.replace("[sharing.Sharing]", "{sharing.Sharing: {}, store-redis: {budget: 5}}")
    config += f"router_settings: {{redis_host: 127.0.0.1, redis_port: {redis_server.port}}}\n"
    servers = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sharing.py").write_text(PLUGIN)
        servers.append(ServerProcess(tmp_path / name, config, workers=2 if name == "two" else 1))
    with servers[0], servers[1], servers[0].http() as one, servers[1].http() as two:
        for attempt in range(2):
            answers = taken_of([one, two], f"two-servers-{attempt}", calls=60, limit=20)
            assert sum(answer["taken"] for answer in answers) == 20
            assert all(answer["is_shared"] for answer in answers)
        assert look(one, "two-servers-1") == look(two, "two-servers-1") == [20, 20]
        assert "store-redis" not in servers[0].out
