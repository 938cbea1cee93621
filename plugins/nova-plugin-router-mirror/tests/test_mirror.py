"""Copies of calls, through the whole gateway."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from nova_core.errors import ConfigurationError
from nova_core.testing.caller import GatewayFactory
from nova_core.testing.provider_bench import chat_request, transcription_request
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.call import CallRecord
from nova_core.wire.probing import probe
from nova_plugin_router_mirror import RouterMirror
from nova_plugin_router_mirror.plugin import MOST_AT_ONCE, copied


def entry(model: str, group: str, **params: Any) -> dict[str, Any]:
    given = {"model": f"scripted/{model}", "api_base": "{upstream}/v1", **params}
    return {"model_name": group, "params": given, "model_info": {"id": model}}


def config(**params: Any) -> dict[str, Any]:
    entries = [entry("main", "m", **{"silent_model": "new", **params}), entry("copy", "new"), entry("third", "other")]
    return {"model_list": entries, "router_settings": {"fallbacks": [{"new": ["m"]}]}}


async def test_a_copy_is_a_call_of_its_own_that_the_caller_never_sees(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config())
    records: list[CallRecord] = []
    caller.gateway.watchers.append(records.append)
    upstream.script("copy", status=500, delay=0.8)
    started = asyncio.get_running_loop().time()
    await caller.chat("m", "Hello", temperature=0.5)
    assert asyncio.get_running_loop().time() - started < 0.8
    await upstream.until(lambda each: len(each.asked) == 2)
    assert upstream.asked == ["main", "copy"]
    assert upstream.last.json["temperature"] == 0.5
    await upstream.until(lambda _: len(records) == 2)
    own, copy = records
    assert caller.last is not None
    assert own.call is caller.last
    assert (own.status, copy.status) == (200, 500)
    assert [attempt.deployment.id for attempt in own.call.attempts] == ["main"]
    assert own.call.children == []
    assert copy.call.principal.id == "mirror"
    assert copy.call.options.metadata == {"is_silent_experiment": True, "mirror_of": own.call.id}
    assert upstream.asked == ["main", "copy"]


async def test_a_streamed_call_is_copied_as_a_stream_and_read_to_its_end(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config())
    records: list[CallRecord] = []
    caller.gateway.watchers.append(records.append)
    async for _ in caller.stream("m"):
        pass
    await upstream.until(lambda each: len(each.asked) == 2)
    await asyncio.sleep(0.02)
    assert upstream.last.json["stream"] is True
    assert [record.status for record in records] == [200, 200]
    assert records[1].error is None


async def test_several_groups_may_be_copied_to_and_copies_are_not_copied(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    whole = config(silent_model=["new", "other", "m"])
    caller = await gateway(whole)
    await caller.chat("m")
    await upstream.until(lambda each: len(each.asked) == 4)
    await asyncio.sleep(0.05)
    assert sorted(upstream.asked) == ["copy", "main", "main", "third"]


async def test_the_share_holds_by_chi_square(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config(silent_share=0.2))
    plugins = caller.gateway.runtime.loaded.active
    (mirror,) = (each.plugin for each in plugins if isinstance(each.plugin, RouterMirror))
    assert isinstance(mirror, RouterMirror)
    mirror._random = Random(20260101)
    for _ in range(300):
        await caller.chat("m")
    await asyncio.sleep(0.1)
    copies = upstream.asked.count("copy")
    assert (copies - 60) ** 2 / 60 + (300 - copies - 240) ** 2 / 240 < 10.83


async def test_copies_are_bounded(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config())
    upstream.script("copy", stall=True)
    for _ in range(MOST_AT_ONCE + 10):
        await caller.chat("m")
        await asyncio.sleep(0)
    await upstream.until(lambda each: each.asked.count("copy") == MOST_AT_ONCE)
    await asyncio.sleep(0.05)
    assert upstream.asked.count("copy") == MOST_AT_ONCE
    for task in list(caller.gateway.background._tasks):
        task.cancel()


@pytest.mark.parametrize("share", [-0.1, 2, "half"])
async def test_a_share_that_is_none_stops_the_start(gateway: GatewayFactory, share: Any) -> None:
    with pytest.raises(ConfigurationError, match="silent_share of 'm' must be a number from 0 to 1"):
        await gateway(config(silent_share=share))


async def test_health_checks_are_not_copied(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config())
    assert await probe(caller.gateway.run, caller.gateway.runtime.catalog.by_id["main"]) is None
    await asyncio.sleep(0.05)
    assert upstream.asked == ["main"]


def test_a_request_with_a_file_is_not_copied_for_its_bytes_are_gone() -> None:
    assert copied(transcription_request("m")) is None
    asked = chat_request("m")
    assert copied(asked) is asked
