"""Every strategy through the whole gateway, with scripted upstreams."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nova_core.config.check import read_settings
from nova_core.config.loader import from_mapping
from nova_core.errors import BadRequestError, ConfigurationError, NovaError
from nova_core.gateway.routing import resolve, select
from nova_core.gateway.runtime import build_runtime
from nova_core.stores import Lease, MemorySharedState, Reading, View
from nova_core.testing.caller import GatewayCaller, GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.call import Call, CallOptions

STEP = "router-strategies"


def entry(model: str, group: str = "m", **params: Any) -> dict[str, Any]:
    given = {"model": f"scripted/{model}", "api_base": "{upstream}/v1", **params}
    return {"model_name": group, "params": given, "model_info": {"id": model}}


def config(strategy: str, *entries: dict[str, Any], **router: Any) -> dict[str, Any]:
    settings = {"routing_strategy": strategy, "num_retries": 0, **router}
    return {"model_list": list(entries), "router_settings": settings}


def chosen(caller: GatewayCaller) -> str:
    assert caller.last is not None
    assert caller.last.deployment is not None
    return caller.last.deployment.id


async def test_the_least_busy_deployment_is_asked_while_streams_run(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config("least-busy", entry("a"), entry("b"), entry("c")))
    streams = [caller.stream("m") for _ in range(2)]
    for stream in streams:
        await anext(stream)
    running = set(upstream.asked)
    assert len(running) == 2
    await caller.chat("m")
    assert {chosen(caller)} == set("abc") - running
    assert caller.last is not None
    scores = next(note.scores for note in caller.last.notes if note.step == STEP)
    assert scores == {name: float(name in running) for name in "abc"}
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]
    await asyncio.sleep(0.01)
    assert await _busy(caller) == {}


async def test_nothing_stays_busy_after_errors_retries_and_callers_who_leave(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config("least-busy", entry("a"), entry("b"), num_retries=1, disable_cooldowns=True))
    upstream.script("a", status=500).script("a", reset=True).script("b", status=400).script("b", half_stream=True)
    for _ in range(4):
        with suppress(NovaError):
            await caller.chat("m")
    upstream.script("a", stall=True).script("b", stall=True)
    left = asyncio.create_task(caller.chat("m"))
    await asyncio.sleep(0.05)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    await asyncio.sleep(0.01)
    upstream.forget()
    assert await _busy(caller) == {}


async def test_usage_goes_to_whoever_has_used_fewest_tokens(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config("usage-based-routing-v2", entry("a"), entry("b")))
    for name in "ab":
        upstream.script(name, "ok", usage=(500, 500) if name == "a" else (10, 10))
    await caller.chat("m")
    await caller.chat("m")
    await asyncio.sleep(0.01)
    assert sorted(upstream.asked) == ["a", "b"]
    for _ in range(6):
        await caller.chat("m")
        await asyncio.sleep(0)
    assert Counter(upstream.asked) == {"a": 1, "b": 7}


async def test_usage_fills_limits_in_proportion(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config("usage-based-routing", entry("a", rpm=30), entry("b", rpm=10)))
    for _ in range(20):
        await caller.chat("m")
    assert Counter(upstream.asked) == {"a": 15, "b": 5}


async def test_latency_learns_who_is_slow_by_the_time_to_the_first_chunk_of_streams(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config("latency-based-routing", entry("slow"), entry("fast")))
    for _ in range(20):
        upstream.script("slow", "hello", delay=0.06)
    for _ in range(10):
        async for _ in caller.stream("m"):
            pass
    assert Counter(upstream.asked)["slow"] <= 2
    assert Counter(upstream.asked)["fast"] >= 8


async def test_latency_of_whole_answers_counts_per_completion_token(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    args = {"lowest_latency_buffer": 0}
    caller = await gateway(config("latency-based-routing", entry("terse"), entry("wordy"), routing_strategy_args=args))
    for _ in range(10):
        upstream.script("terse", "x", usage=(1, 1), delay=0.02).script("wordy", "x", usage=(1, 100), delay=0.04)
    for _ in range(8):
        await caller.chat("m")
        await asyncio.sleep(0)
    assert Counter(upstream.asked) == {"terse": 1, "wordy": 7}


async def test_a_deployment_that_did_not_answer_in_time_is_avoided(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    entries = entry("dead", timeout=0.05), entry("alive")
    caller = await gateway(config("latency-based-routing", *entries, disable_cooldowns=True))
    upstream.script("dead", stall=True)
    for _ in range(10):
        try:
            await caller.chat("m")
        except NovaError:
            assert chosen(caller) == "dead"
        await asyncio.sleep(0.001)
    assert Counter(upstream.asked)["dead"] <= 1


async def test_the_cheapest_is_asked_first_and_an_unknown_price_last(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    prices = {"dear": 3e-6, "cheap": 1e-6}
    priced = [entry(name, input_cost_per_token=p, output_cost_per_token=p) for name, p in prices.items()]
    caller = await gateway(config("cost-based-routing", entry("unknown"), *priced, num_retries=2))
    upstream.script("cheap", status=500).script("dear", status=500)
    await caller.chat("m")
    assert upstream.asked == ["cheap", "dear", "unknown"]


async def test_order_levels_go_before_the_strategy(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    first = entry("first", order=1, input_cost_per_token=9e-6, output_cost_per_token=9e-6)
    cheap = entry("cheap", order=2, input_cost_per_token=1e-6, output_cost_per_token=1e-6)
    caller = await gateway(config("cost-based-routing", cheap, first))
    await caller.chat("m")
    assert upstream.asked == ["first"]


async def test_a_routing_group_has_its_own_strategy_and_can_be_called(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    groups = [
        {
            "group_name": "any",
            "models": ["x", "y"],
            "routing_strategy": "priority",
            "model_priorities": {"y": 1, "x": 2},
        },
        {"group_name": "thrifty", "models": ["z"], "routing_strategy": "cost-based-routing"},
    ]
    priced = [entry(f"z{p}", "z", input_cost_per_token=p, output_cost_per_token=p) for p in (2, 1)]
    entries = [entry("x1", "x"), entry("y1", "y"), entry("y2", "y"), *priced]
    caller = await gateway(config("simple-shuffle", *entries, routing_groups=groups))
    for _ in range(12):
        await caller.chat("any")
        await caller.chat("z")
    assert set(upstream.asked) == {"y1", "y2", "z1"}


async def test_a_request_may_name_another_strategy_which_is_not_sent_on(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    priced = [entry(f"p{p}", input_cost_per_token=p, output_cost_per_token=p) for p in (3, 1, 2)]
    caller = await gateway(config("least-busy", *priced))
    for _ in range(5):
        await caller.gateway.completion("m", [{"role": "user", "content": "Hi"}], routing_strategy="cost-based-routing")
    assert set(upstream.asked) == {"p1"}
    assert "routing_strategy" not in upstream.last.json
    with pytest.raises(BadRequestError, match="no routing strategy 'fastest'"):
        await caller.chat("m", options=CallOptions(routing_strategy="fastest"))


@pytest.mark.parametrize(
    "router",
    [
        "{routing_strategy: longest.Longest}",
        "{routing_strategy: custom, custom_routing_strategy: longest.Longest}",
    ],
)
async def test_a_strategy_of_ones_own_is_found_beside_the_configuration(tmp_path: Path, router: str) -> None:
    tmp_path.joinpath("longest.py").write_text(
        "from nova_core import hookimpl\n\n\nclass Longest:\n    @hookimpl\n    def route_rank(self, candidates):\n"
        "        return sorted(candidates, key=lambda each: -len(each.model))\n"
    )
    file = tmp_path / "nova.yaml"
    file.write_text(f"router_settings: {router}\n")
    from nova_core.gateway.gateway import Gateway

    lines = [
        f"  - {{model_name: m, params: {{model: echo/{name}}}, model_info: {{id: {name}}}}}"
        for name in ("aa", "aaaa", "a")
    ]
    file.write_text("\n".join(["model_list:", *lines, file.read_text()]))
    async with Gateway.from_config(file) as running:
        caller = GatewayCaller(running)
        for _ in range(6):
            await caller.chat("m")
            assert chosen(caller) == "aaaa"


@pytest.mark.parametrize(
    "router",
    [
        {"routing_groups": [{"group_name": "a", "models": ["m"]}, {"group_name": "b", "models": ["m"]}]},
        {"routing_strategy": "latency-based-routing", "routing_strategy_args": {"ttl": -1}},
    ],
)
async def test_settings_that_make_no_sense_stop_the_start(gateway: GatewayFactory, router: dict[str, Any]) -> None:
    with pytest.raises((ConfigurationError, NovaError)):
        await gateway(config(router.pop("routing_strategy", "simple-shuffle"), entry("a"), **router))


class Shared(MemorySharedState):
    """A state that others see too."""

    is_shared = True


async def test_calls_that_run_elsewhere_count_and_no_decision_waits_for_the_store(upstream: ScriptedUpstream) -> None:
    from nova_core.gateway.gateway import Gateway
    from nova_core.testing.caller import _installed
    from nova_core.testing.upstream_script import filled

    gate = asyncio.Event()

    class Slow(Shared):
        async def look(self, reading: Reading, *, max_age: float = 0.0) -> View:
            await gate.wait()
            return await super().look(reading)

    state = Slow()
    settings = read_settings(from_mapping(filled(config("least-busy", entry("a"), entry("b")), upstream.url)))
    installed = _installed({"nova.providers": {"scripted": "nova_core.testing.provider:plugin"}})
    runtime = build_runtime(settings, installed=installed)
    elsewhere = await state.take((Lease("busy:a"),))
    async with Gateway(runtime, shared_state=state) as running:
        caller = GatewayCaller(running)
        await asyncio.wait_for(caller.chat("m"), 1.0)
        gate.set()
        await asyncio.sleep(0.25)
        await caller.chat("m")
        await asyncio.sleep(0.01)
        for _ in range(6):
            await caller.chat("m")
            assert chosen(caller) == "b"
            await asyncio.sleep(0.001)
    assert elsewhere is not None


async def _busy(caller: GatewayCaller) -> dict[str, int]:
    """What the gateway thinks runs, as its next decision sees it."""
    await caller.chat("m")
    assert caller.last is not None
    snapshot = caller.last.routed[-1].snapshot
    assert snapshot is not None
    busy: dict[str, int] = snapshot.state[STEP]["busy"]
    return busy


@pytest.mark.parametrize("strategy", ["least-busy", "usage-based", "latency-based", "cost-based", "simple-shuffle"])
async def test_a_recorded_decision_is_the_same_when_it_is_decided_again(
    gateway: GatewayFactory, upstream: ScriptedUpstream, strategy: str
) -> None:
    priced = [entry(f"p{p}", input_cost_per_token=p, output_cost_per_token=p, rpm=99) for p in (3, 1, 2, 4)]
    caller = await gateway(config(strategy, *priced))
    runtime = caller.gateway.runtime
    for _ in range(12):
        await caller.chat("m")
        call = caller.last
        assert call is not None
        (routed,) = call.routed
        assert routed.snapshot is not None
        state = msgspec.json.decode(msgspec.json.encode(routed.snapshot.state))
        again = Call(call.original)
        again.group = call.group
        levels = select(
            runtime.pipeline,
            again,
            call.original,
            resolve(runtime, again, "m"),
            msgspec.structs.replace(routed.snapshot, state=state),
        )
        assert levels == routed.levels
