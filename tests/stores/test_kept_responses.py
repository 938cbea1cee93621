"""Responses that one gateway keeps are there for the others that share its Redis."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nova_core.stores import KeyValueStore
from nova_plugin_store_redis.settings import RedisSettings
from nova_plugin_store_redis.values import RedisValues
from tests.server.process import ServerProcess
from tests.stores.redis_server import RedisServer

KEY = "sk-master"
HEADERS = {"authorization": f"Bearer {KEY}"}
RESPONSES = "/v1/responses"


def config(port: int) -> str:
    return "\n".join(
        [
            "model_list: [{model_name: m, params: {model: echo/any}}]",
            f"general_settings: {{master_key: {KEY}}}",
            "plugins: {store-redis: {budget: 1, values_budget: 0.5}}",
            f"router_settings: {{num_retries: 0, redis_host: 127.0.0.1, redis_port: {port}}}",
        ]
    )


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "input": text, **more}


@pytest.mark.timeout(60)
async def test_a_conversation_goes_on_at_another_gateway(tmp_path: Path, redis_server: RedisServer) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    text = config(redis_server.port)
    with ServerProcess(folders[0], text) as first, ServerProcess(folders[1], text) as second:
        async with first.client() as one, second.client() as two:
            for http in (one, two):
                http.headers.update(HEADERS)
            begun = (await one.post(RESPONSES, json=asked("My name is Ada."))).json()
            told = (await two.get(f"{RESPONSES}/{begun['id']}")).json()
            assert told == begun
            more = (await two.post(RESPONSES, json=asked("And?", previous_response_id=begun["id"]))).json()
            assert more["previous_response_id"] == begun["id"]
            said = (await one.get(f"{RESPONSES}/{more['id']}/input_items", params={"order": "asc"})).json()
            texts = [part["text"] for item in said["data"] for part in item["content"]]
            assert texts[0] == "My name is Ada."
            assert texts[-1] == "And?"
            assert (await two.delete(f"{RESPONSES}/{begun['id']}")).json()["deleted"] is True
            assert (await one.get(f"{RESPONSES}/{begun['id']}")).status_code == 404


@pytest.mark.timeout(60)
async def test_without_its_redis_a_gateway_answers_and_says_that_it_cannot_go_on(tmp_path: Path) -> None:
    with RedisServer() as redis, ServerProcess(tmp_path, config(redis.port)) as server:
        async with server.client() as http:
            http.headers.update(HEADERS)
            begun = (await http.post(RESPONSES, json=asked("Hi"))).json()
            redis.kill()
            assert (await http.post(RESPONSES, json=asked("Hi"))).status_code == 200
            going_on = await http.post(RESPONSES, json=asked("And?", previous_response_id=begun["id"]))
            assert (going_on.status_code, going_on.json()["error"]["code"]) == (503, "store_unavailable")
            server.until(lambda: "its response is not kept" in server.err)
            redis.start()
            again = (await http.post(RESPONSES, json=asked("Hi"))).json()
            assert (await http.get(f"{RESPONSES}/{again['id']}")).json() == again


async def test_values_are_kept_for_their_time_however_many_ask_at_once(redis_server: RedisServer) -> None:
    port = redis_server.port
    values = RedisValues(RedisSettings("Redis", port=port, namespace="kept", values_budget=10.0))
    assert isinstance(values, KeyValueStore)
    names = [f"k{number}" for number in range(200)]
    await asyncio.gather(*(values.set(name, name.encode() * 1000) for name in names))
    assert await values.get_many([*names, "none"]) == {name: name.encode() * 1000 for name in names}
    await values.set("short", b"x", ttl=0.02)
    await values.set("k0", b"x", ttl=0)
    await asyncio.sleep(0.05)
    assert (await values.get("short"), await values.get("k0"), await values.get_many([])) == (None, None, {})
    await values.aclose()
    assert await values.get("k1") is not None
    await values.aclose()
