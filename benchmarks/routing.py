"""What a routing decision costs in µs: each strategy with 3, 100 and 1,000 deployments, and with all features on.

`python -m benchmarks.routing`: one process, nobody is called. The share is that of a whole call through the gateway
in this process with the same deployments, answered by the echo provider.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nova_core.config.check import read_settings
from nova_core.config.loader import from_mapping
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.routing import resolve
from nova_core.gateway.runtime import build_runtime
from nova_core.types.call import Call, CallOptions
from nova_core.types.message import Request
from nova_core.wire.openai_chat import OPENAI_CHAT

SIZES = (3, 100, 1000)
SECONDS = 0.15
ROUNDS = 5
BODY: Mapping[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Say hello, please. " * 300}]}
ALL_ON: Mapping[str, Any] = {
    "routing_strategy": "latency-based-routing",
    "enable_tag_filtering": True,
    "enable_pre_call_checks": True,
    "optional_pre_call_checks": ["session_affinity", "deployment_affinity", "prompt_caching"],
    "enable_health_check_routing": True,
}
CASES: Mapping[str, Mapping[str, Any]] = {
    "simple-shuffle": {},
    "simple-shuffle, weights": {"weights": True},
    "least-busy": {"routing_strategy": "least-busy"},
    "usage-based": {"routing_strategy": "usage-based-routing-v2"},
    "latency-based": {"routing_strategy": "latency-based-routing"},
    "latency-based, buffer": {
        "routing_strategy": "latency-based-routing",
        "routing_strategy_args": {"lowest_latency_buffer": 0.2},
    },
    "cost-based": {"routing_strategy": "cost-based-routing"},
    "all on": ALL_ON,
}


def configuration(size: int, case: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a case with so many deployments."""
    router = {name: value for name, value in case.items() if name != "weights"}
    entries = [_entry(place, weighted="weights" in case, everything=case is ALL_ON) for place in range(size)]
    return {"model_list": entries, "router_settings": {"num_retries": 0, **router}}


def _entry(place: int, *, weighted: bool, everything: bool) -> dict[str, Any]:
    price = (1 + place % 7) * 1e-6
    params: dict[str, Any] = {"model": f"echo/e{place}", "input_cost_per_token": price, "output_cost_per_token": price}
    info: dict[str, Any] = {"id": f"d{place}"}
    if weighted:
        params["weight"] = 1 + place % 5
    if everything:
        params |= {"tags": ["eu", "default"], "order": place % 2}
        info["max_input_tokens"] = 100_000
    return {"model_name": "m", "params": params, "model_info": info}


async def microseconds(size: int, case: Mapping[str, Any]) -> tuple[float, float]:
    """The least µs of a decision, and of a whole call, over some rounds."""
    settings = read_settings(from_mapping(configuration(size, case)))
    async with Gateway(build_runtime(settings, environ={})) as gateway:
        for _ in range(min(3 * size, 300)):
            await gateway.answer(_call(case))
            await asyncio.sleep(0)
        runtime, request = gateway.runtime, _call(case).original
        resolved = resolve(runtime, _call(case), "m")

        def decide() -> None:
            gateway._select(runtime, _call(case), request, resolved, 0)

        made = min(_timed(lambda: _call(case)) for _ in range(ROUNDS))
        decided = min(_timed(decide) for _ in range(ROUNDS))
        whole = min([await _answered(gateway, case) for _ in range(ROUNDS)])
    return decided - made, whole


def _call(case: Mapping[str, Any]) -> Call:
    options = CallOptions(metadata={"session_id": "s"}) if case is ALL_ON else CallOptions()
    return Call(Request("chat", OPENAI_CHAT, dict(BODY)), options=options, tags=("eu",) if case is ALL_ON else ())


def _timed(work: Callable[[], object]) -> float:
    count, started = 0, time.process_time()
    while (spent := time.process_time() - started) < SECONDS / ROUNDS:
        for _ in range(10):
            work()
        count += 10
    return spent / count * 1e6


async def _answered(gateway: Gateway, case: Mapping[str, Any]) -> float:
    count, started = 0, time.process_time()
    while (spent := time.process_time() - started) < SECONDS / ROUNDS:
        for _ in range(5):
            await gateway.answer(_call(case))
            await asyncio.sleep(0)
        count += 5
    return spent / count * 1e6


def report(rows: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> str:
    """The table: µs of a decision, and its share of the call."""
    head = f"{'µs a decision (share of the call)':<34}" + "".join(f"{size:>18,}" for size in SIZES)
    lines = [
        f"{name:<34}" + "".join(f"{decided:>10.1f} ({decided / whole:4.0%})".rjust(18) for decided, whole in found)
        for name, found in rows
    ]
    return "\n".join([head, *lines])


async def main() -> None:
    """Measure every case and print the table."""
    print(report([(name, [await microseconds(size, case) for size in SIZES]) for name, case in CASES.items()]))


if __name__ == "__main__":
    asyncio.run(main())
